//! Checks of the rules of connections that need the load.

use std::time::Duration;

use super::load::{LONGEST_RUN, RangedValue, SHORTEST_TIME, check};
use super::{Length, LoadDraft, MAX_CLIENTS, MAX_MESSAGES_PER_CLIENT, PlanError, ReconnectLaw};

impl LoadDraft {
    /// Checks the rules of connections: the range of each, and their combination with the load.
    pub(super) fn check_connections(&self) -> Result<(), PlanError> {
        self.check_connection_ranges()?;
        let rules = &self.connections;
        let (clients, idle) = (self.clients.get(), rules.idle);
        if clients.saturating_add(idle) > MAX_CLIENTS {
            let limit = MAX_CLIENTS;
            return Err(PlanError::TooManyConnections {
                clients,
                idle,
                limit,
            });
        }
        if let (Some(drop), Length::Duration(time)) = (rules.drop, self.length)
            && drop.after >= time
        {
            let after = drop.after;
            return Err(PlanError::DropAfterEnd { after, time });
        }
        if rules.messages_per_connection.is_some() && self.is_push_only() {
            return Err(PlanError::PushOnlyMessagesPerConnection);
        }
        match (self.slow_cause(), self.ending_flag()) {
            (Some(slow), Some(flag)) => Err(PlanError::SlowWithConnectionRules { slow, flag }),
            _ => Ok(()),
        }
    }

    fn check_connection_ranges(&self) -> Result<(), PlanError> {
        let rules = &self.connections;
        if let Some(lifetime) = rules.lifetime {
            check("a lifetime", lifetime.mean(), SHORTEST_TIME, LONGEST_RUN)?;
        }
        if let Some(n) = rules.messages_per_connection {
            let what = "a number of messages per connection";
            check(what, n.get(), 1, MAX_MESSAGES_PER_CLIENT)?;
        }
        if let Some(drop) = rules.drop
            && !(drop.share > 0.0 && drop.share <= 1.0)
        {
            return Err(out_of_range(
                "a share of dropped connections",
                drop.share,
                "above 0, to 1",
            ));
        }
        let above_0 = |what, time: Duration| match time {
            Duration::ZERO => Err(out_of_range(what, time, "above 0")),
            _ => check(what, time, Duration::ZERO, LONGEST_RUN),
        };
        match rules.reconnect {
            Some(ReconnectLaw::Spread(interval)) => above_0("a spread of reconnects", interval),
            Some(ReconnectLaw::Backoff { first, cap }) => {
                above_0("a first delay of reconnects", first)?;
                check("a largest delay of reconnects", cap, first, LONGEST_RUN)
            }
            Some(ReconnectLaw::Now) | None => Ok(()),
        }
    }

    fn is_push_only(&self) -> bool {
        let scenario = self.scenario.as_ref();
        scenario.is_some_and(|scenario| scenario.is_push_only())
    }

    /// The flag, or the key of the scenario, that makes clients read slowly; `None` without slow readers.
    fn slow_cause(&self) -> Option<&'static str> {
        let mut roles = self.scenario.iter().flat_map(|scenario| &scenario.roles);
        match self.slow {
            Some(_) => Some("--slow"),
            None => roles
                .any(|role| role.read.is_some())
                .then_some("a role with `read`"),
        }
    }

    /// The flag that ends connections during the run; `None` when all stay open.
    fn ending_flag(&self) -> Option<&'static str> {
        let rules = &self.connections;
        [
            ("--drop", rules.drop.is_some()),
            ("--reconnect", rules.reconnect.is_some()),
            ("--lifetime", rules.lifetime.is_some()),
            (
                "--messages-per-connection",
                rules.messages_per_connection.is_some(),
            ),
        ]
        .into_iter()
        .find_map(|(flag, is_given)| is_given.then_some(flag))
    }
}

fn out_of_range(what: &'static str, value: impl RangedValue, range: &str) -> PlanError {
    PlanError::Range {
        what,
        value: value.written(),
        range: range.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::num::{NonZeroU32, NonZeroU64};
    use std::sync::Arc;

    use scenario::{Scenario, ScenarioOptions, ScenarioSource};

    use super::*;
    use crate::plan::{
        ConnectionDrop, ConnectionRules, DropMethod, Lifetime, LoadSpec, SlowCount, SlowReaders,
    };

    fn refusal(change: impl FnOnce(&mut LoadDraft)) -> String {
        let mut draft = LoadDraft::closed_loop();
        change(&mut draft);
        LoadSpec::new(draft).map_or_else(|error| error.to_string(), |_| String::new())
    }

    fn scenario(text: &str) -> Option<Arc<Scenario>> {
        let source = ScenarioSource::File {
            name: "t.toml",
            text,
        };
        let no_files = |_: &str, _: Option<&str>| Err("no files".to_owned());
        let scenario = Scenario::parse(source, &ScenarioOptions::default(), &no_files);
        Some(Arc::new(scenario.unwrap()))
    }

    fn drop_at(after_s: u64, share: f64) -> Option<ConnectionDrop> {
        Some(ConnectionDrop {
            after: Duration::from_secs(after_s),
            share,
            method: DropMethod::Reset,
        })
    }

    #[test]
    fn rules_out_of_range_are_named() {
        let rules = |rules: ConnectionRules| refusal(|draft| draft.connections = rules);
        let none = ConnectionRules::default();
        let lifetime = |ms| {
            let time = Duration::from_millis(ms);
            rules(ConnectionRules {
                lifetime: Some(Lifetime::Exponential(time)),
                ..none
            })
        };
        assert_eq!(lifetime(1), "");
        assert!(lifetime(0).contains("a lifetime of 0s is out of range: from 1ms to 30d"));
        let share = |share| {
            rules(ConnectionRules {
                drop: drop_at(1, share),
                ..none
            })
        };
        assert_eq!((share(0.01), share(1.0)), (String::new(), String::new()));
        for wrong in [0.0, 1.01, f64::NAN] {
            assert!(share(wrong).contains("a share of dropped connections"));
        }
        let law = |law| {
            rules(ConnectionRules {
                reconnect: Some(law),
                ..none
            })
        };
        let second = Duration::from_secs(1);
        let backoff = |first, cap| law(ReconnectLaw::Backoff { first, cap });
        assert_eq!(law(ReconnectLaw::Now) + &backoff(second, second), "");
        assert!(law(ReconnectLaw::Spread(Duration::ZERO)).contains("a spread of reconnects"));
        assert!(backoff(Duration::ZERO, second).contains("a first delay of reconnects"));
        assert!(backoff(second, second / 2).contains("a largest delay of reconnects of 500ms"));
    }

    #[test]
    fn clients_and_idle_connections_share_the_numbers() {
        let of = |clients, idle| {
            refusal(|draft| {
                draft.clients = NonZeroU32::new(clients).unwrap();
                draft.connections.idle = idle;
            })
        };
        assert_eq!(of(1_000_000, MAX_CLIENTS - 1_000_000), "");
        assert_eq!(
            of(100, MAX_CLIENTS),
            "100 clients (--clients) and 16777215 idle connections (--idle) are more than the 16777215 connections of a run: \
             use fewer of them"
        );
        assert!(of(1, u32::MAX).contains("(--idle) are more than"));
    }

    #[test]
    fn a_drop_lies_before_the_end_of_a_measured_time() {
        let of = |length, after_s| {
            refusal(|draft| {
                draft.length = length;
                draft.connections.drop = drop_at(after_s, 1.0);
            })
        };
        let ten = Length::Duration(Duration::from_secs(10));
        assert_eq!(of(ten, 9), "");
        for late in [10, 11] {
            assert_eq!(
                of(ten, late),
                format!(
                    "--drop is at {late}s, but the measured time (--duration) is 10s: use an earlier --drop, or a longer --duration"
                )
            );
        }
        assert_eq!(of(Length::MessagesPerClient(NonZeroU64::MIN), 99), "");
    }

    #[test]
    fn slow_readers_keep_their_connections() {
        type Change = fn(&mut ConnectionRules);
        let rules: [(&str, Change); 4] = [
            ("--drop", |rules| rules.drop = drop_at(1, 1.0)),
            ("--reconnect", |rules| {
                rules.reconnect = Some(ReconnectLaw::Now);
            }),
            ("--lifetime", |rules| {
                rules.lifetime = Some(Lifetime::Fixed(Duration::from_secs(1)));
            }),
            ("--messages-per-connection", |rules| {
                rules.messages_per_connection = Some(NonZeroU64::MIN);
            }),
        ];
        let slow = SlowReaders {
            count: SlowCount::Percent(5.0),
            bytes_per_s: 1,
            after: Duration::ZERO,
        };
        for (flag, change) in rules {
            let by_flag = refusal(|draft| {
                draft.slow = Some(slow);
                change(&mut draft.connections);
            });
            let expected = format!(
                "--slow cannot be used with {flag}: slow readers are measured on connections that stay open; leave one of them out"
            );
            assert_eq!(by_flag, expected);
            let text =
                "[roles.a]\nread = \"1KiB/s\"\n[[message]]\nsend = '${id}'\nreply = '${id}'\n";
            let by_role = refusal(|draft| {
                draft.scenario = scenario(text);
                change(&mut draft.connections);
            });
            assert_eq!(
                by_role,
                expected.replace("--slow cannot", "a role with `read` cannot")
            );
        }
        let idle = refusal(|draft| {
            draft.slow = Some(slow);
            draft.connections.idle = 5;
        });
        assert_eq!(idle, "");
    }

    #[test]
    fn a_feed_has_no_messages_to_count() {
        let text = refusal(|draft| {
            draft.scenario = scenario("[push]\nmatch = '${seq}'\n");
            draft.length = Length::Duration(Duration::from_secs(1));
            draft.connections.messages_per_connection = Some(NonZeroU64::MIN);
        });
        assert_eq!(
            text,
            "--messages-per-connection cannot be used with a scenario that only receives ([push]): nothing is sent; use --lifetime"
        );
    }
}
