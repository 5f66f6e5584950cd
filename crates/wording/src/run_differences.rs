//! Differences between the settings of runs, and their impact on comparing figures.

use crate::plan::{load, payload};
use measurement::plan::Verify;
use measurement::run::{PlanSummary, Summary};
use units::{grouped, human_rate, human_time};

/// Impact of a differing setting on comparing two runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Impact {
    /// The load was another one: their figures do not answer the same question.
    Load,
    /// They were measured by other means: a difference in their figures may come from those.
    Instrument,
    /// What runs are made to tell apart, or what figures do not depend on.
    Subject,
}

/// Where a setting belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingScope {
    /// The plan.
    Plan,
    /// The machine that measured.
    Host,
}

/// One thing that was fixed before a run began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// What it is called.
    pub what: &'static str,
    /// Its value, for a person.
    pub value: String,
    /// What a difference in it means.
    pub impact: Impact,
    /// Where it belongs.
    pub scope: SettingScope,
}

/// A setting in which runs differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What it is called.
    pub what: &'static str,
    /// What it means.
    pub impact: Impact,
    /// Its value in each run, in their order.
    pub values: Vec<String>,
}

/// All that was fixed before the run began, always in the same order.
#[must_use]
pub fn settings(s: &Summary) -> Vec<Setting> {
    let mut settings = plan_settings(&s.plan);
    settings.extend(host_settings(s));
    settings
}

/// What the plan says, always in the same order.
#[must_use]
pub fn plan_settings(plan: &PlanSummary) -> Vec<Setting> {
    use Impact::{Instrument, Load, Subject};
    let in_plan = |impact, what, value| Setting {
        what,
        value,
        impact,
        scope: SettingScope::Plan,
    };
    vec![
        in_plan(Subject, "server", server(plan)),
        in_plan(Load, "transport", transport(plan).to_owned()),
        in_plan(Load, "load", load(plan)),
        in_plan(Load, "stages", stages(plan)),
        in_plan(Load, "clients", grouped(u64::from(plan.clients))),
        in_plan(Load, "payload", payload(plan.payload_bytes)),
        in_plan(
            Load,
            "messages",
            if plan.text { "text" } else { "binary" }.to_owned(),
        ),
        in_plan(
            Load,
            "window",
            plan.window.map_or_else(
                || "unbounded".to_owned(),
                |n| format!("{} in flight per client", grouped(u64::from(n))),
            ),
        ),
        in_plan(Subject, "length", length(plan)),
        in_plan(Subject, "warm-up", human_time(plan.warmup_s * 1e9)),
        in_plan(Subject, "timeout", human_time(plan.timeout_s * 1e9)),
        in_plan(
            Instrument,
            "verification",
            match plan.verify {
                Verify::Off => "none",
                Verify::Length => "type and length",
                Verify::Full => "type, length and every byte",
            }
            .to_owned(),
        ),
        in_plan(
            Instrument,
            "generator threads",
            grouped(plan.threads as u64),
        ),
        in_plan(Instrument, "pinned to cores", list_or_no(&plan.pinned_to)),
        in_plan(Instrument, "busy polling", yes_or_no(plan.busy_poll)),
        in_plan(Subject, "seed", plan.seed.to_string()),
    ]
}

fn host_settings(s: &Summary) -> Vec<Setting> {
    use Impact::{Instrument, Subject};
    let host = &s.host;
    let on_host = |impact, what, value| Setting {
        what,
        value,
        impact,
        scope: SettingScope::Host,
    };
    vec![
        on_host(
            Instrument,
            "tool",
            format!("{} {}", s.tool.name, s.tool.version),
        ),
        on_host(Instrument, "system", host.os.clone()),
        on_host(Instrument, "kernel", host.kernel.clone()),
        on_host(Instrument, "processor", host.cpu.clone()),
        on_host(Instrument, "cores", grouped(host.cores as u64)),
        on_host(
            Instrument,
            "confined to cores",
            list_or_no(&host.allowed_cores),
        ),
        on_host(
            Subject,
            "open files at most",
            host.open_file_limit
                .map_or_else(|| "no limit".to_owned(), grouped),
        ),
    ]
}

fn server(plan: &PlanSummary) -> String {
    match &plan.embedded {
        Some(name) => format!("{} ({name}, inside the same process)", plan.url),
        None => plan.url.clone(),
    }
}

fn transport(plan: &PlanSummary) -> &'static str {
    match plan.certificate_checked {
        Some(true) => "TLS",
        Some(false) => "TLS, certificate not checked",
        None if plan.url.starts_with("ws+unix:") => "Unix socket",
        None => "TCP",
    }
}

fn stages(plan: &PlanSummary) -> String {
    let stages = plan.stages.iter().map(|stage| {
        format!(
            "{} at {} msg/s",
            human_time(stage.duration_s * 1e9),
            human_rate(stage.rate_per_s)
        )
    });
    let stages: Vec<_> = stages.collect();
    if stages.is_empty() {
        "none".to_owned()
    } else {
        stages.join(", ")
    }
}

fn length(plan: &PlanSummary) -> String {
    match (plan.messages_per_client, plan.duration_s) {
        (Some(n), _) => format!("{} messages per client", grouped(n)),
        (None, Some(s)) => human_time(s * 1e9),
        (None, None) => "unknown".to_owned(),
    }
}

fn list_or_no(cores: &[usize]) -> String {
    if cores.is_empty() {
        return "no".to_owned();
    }
    let cores: Vec<_> = cores.iter().map(ToString::to_string).collect();
    cores.join(", ")
}

fn yes_or_no(it_is: bool) -> String {
    if it_is { "yes" } else { "no" }.to_owned()
}

/// The settings in which the runs differ, those that bear on the load first.
#[must_use]
pub fn differences(runs: &[&Summary]) -> Vec<Difference> {
    let all: Vec<Vec<Setting>> = runs.iter().map(|run| settings(run)).collect();
    let Some(first) = all.first() else {
        return Vec::new();
    };
    let mut found: Vec<_> = first
        .iter()
        .enumerate()
        .map(|(i, setting)| Difference {
            what: setting.what,
            impact: setting.impact,
            // Every run has the same settings in the same order.
            values: all
                .iter()
                .map(|settings| settings[i].value.clone())
                .collect(),
        })
        .filter(|setting| setting.values.windows(2).any(|pair| pair[0] != pair[1]))
        .collect();
    found.sort_by_key(|difference| difference.impact);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::summary;
    use measurement::run::PayloadBytes;

    fn changed(change: impl Fn(&mut Summary)) -> Vec<(&'static str, Impact)> {
        let one = summary(100);
        let mut other = one.clone();
        change(&mut other);
        let found = differences(&[&one, &other]);
        found.iter().map(|d| (d.what, d.impact)).collect()
    }

    #[test]
    fn a_run_differs_in_nothing_from_itself() {
        assert_eq!(changed(|_| {}), []);
        assert_eq!(differences(&[]), []);
        assert_eq!(differences(&[&summary(100)]), []);
    }

    #[test]
    fn another_load_is_told_from_another_machine_and_another_server() {
        use Impact::{Instrument, Load, Subject};
        let of = |change: fn(&mut Summary)| changed(change);
        assert_eq!(of(|s| s.plan.clients += 1), [("clients", Load)]);
        assert_eq!(
            of(|s| s.plan.payload_bytes = PayloadBytes::Range { min: 1, max: 9 }),
            [("payload", Load)]
        );
        assert_eq!(of(|s| s.plan.rate_per_s = Some(5.0)), [("load", Load)]);
        assert_eq!(of(|s| s.plan.text = !s.plan.text), [("messages", Load)]);
        assert_eq!(of(|s| s.plan.window = Some(77)), [("window", Load)]);
        assert_eq!(
            of(|s| s.plan.certificate_checked = Some(true)),
            [("transport", Load)]
        );
        assert_eq!(of(|s| s.host.cores += 1), [("cores", Instrument)]);
        assert_eq!(
            of(|s| s.host.allowed_cores = vec![1]),
            [("confined to cores", Instrument)]
        );
        assert_eq!(of(|s| s.tool.version += ".1"), [("tool", Instrument)]);
        assert_eq!(of(|s| s.plan.url += "2"), [("server", Subject)]);
        assert_eq!(of(|s| s.plan.seed += 1), [("seed", Subject)]);
    }

    #[test]
    fn what_bears_on_the_load_comes_first_and_every_run_has_its_value() {
        let (one, mut two) = (summary(100), summary(100));
        two.plan.url = "ws://there/".to_owned();
        two.plan.clients = 2_000;
        let found = differences(&[&one, &two, &two]);
        assert_eq!(found[0].what, "clients");
        assert_eq!(found[0].values[1..], ["2,000", "2,000"]);
        assert_eq!(found[1].values[1], "ws://there/");
    }

    #[test]
    fn stages_are_facts() {
        let mut s = summary(100);
        let stage = |duration_s, rate_per_s| measurement::run::StageSummary {
            duration_s,
            rate_per_s,
        };
        s.plan.stages = vec![stage(10.0, 1_000.0), stage(2.0, 50.0)];
        let settings = settings(&s);
        let found = settings
            .iter()
            .find(|setting| setting.what == "stages")
            .unwrap();
        assert_eq!(found.value, "10.0 s at 1,000 msg/s, 2.00 s at 50 msg/s");
    }
}
