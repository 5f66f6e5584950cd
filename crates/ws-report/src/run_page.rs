//! The page about one run.

use measurement::run::{PushSummary, Summary, Tool};
use units::{counted, grouped, human_rate, human_time};
use wording::reconnect_view::NOT_REACHED;
use wording::run_differences::{Setting, host_settings, plan_settings};
use wording::summary_view::{FigureGroup, UNKNOWN};
use wording::{deliveries_view, summary};

use crate::figures::figures;
use crate::inputs::{MessageSample, ReportedRun};
use crate::page::{Block, Page, Table, TableRow, Tile, Tone, capital};
use crate::pictures::ReportPictures;
use crate::rerun_command::rerun_command;
use crate::scenario_tables::scenario_tables;
use crate::shard_table::shard_table;
use crate::{connection_sections, delivery_sections, load_sections, verdict};

/// The page about a run, with these pictures after the figures.
pub(crate) fn page(run: &ReportedRun, pictures: ReportPictures) -> Page {
    let figures = vec![Block::Tables(tables(run))];
    let mut blocks = vec![Block::Banner(verdict::verdict(run))];
    let Some(s) = run.summary() else {
        let mut page = Page::new(&run.name);
        let kind = match run.partial {
            Some(_) => "an incomplete log, without a summary",
            None => "a file without a summary",
        };
        page.below = vec![kind.to_owned()];
        page.add("Verdict", blocks);
        page.add("Figures", figures);
        page.add("Pictures", pictures.of_messages);
        return page;
    };
    let mut page = Page::new(wording::plan::server_urls(&s.plan));
    let Tool { name, version } = &s.tool;
    page.above = format!("{name} {version} · {}", moment(&s.started_at));
    page.below = wording::plan::parts_of(s);
    let circumstances = summary::circumstances(s, "the same process");
    page.below.extend(circumstances);
    blocks.extend(verdict::shards(s).map(Block::Banner));
    blocks.extend(verdict::conditions(s).map(Block::Banner));
    blocks.push(Block::Tiles(tiles(s)));
    page.add("Verdict", blocks);
    load_sections::add(&mut page, s, pictures.of_rates);
    let origin = load_sections::origin_of_figures(s).into_iter();
    page.add("Figures", origin.chain(figures).collect());
    connection_sections::add(&mut page, s, pictures.of_storms);
    let of_deliveries = pictures.of_deliveries;
    delivery_sections::add(&mut page, s, run.has_response_time(), of_deliveries);
    page.add(
        "Each shard",
        shard_table(s)
            .map(|table| Block::Tables(vec![table]))
            .into_iter()
            .collect(),
    );
    page.add("Pictures", pictures.of_messages);
    page.add("Plan and host", vec![plan_and_host(s)]);
    page.add("How to repeat it", how_to_repeat(s));
    page
}

/// A moment of RFC 3339 in UTC in readable form; any other text unchanged.
pub(crate) fn moment(rfc_3339: &str) -> String {
    let utc = rfc_3339.strip_suffix('Z').and_then(|it| it.split_once('T'));
    match utc {
        Some((day, time)) => {
            let seconds = time.split_once('.').map_or(time, |(seconds, _)| seconds);
            format!("{day} {seconds} UTC")
        }
        None => rfc_3339.to_owned(),
    }
}

fn tile(label: &str, value: String, note: String) -> Tile {
    Tile {
        label: label.to_owned(),
        value,
        note,
        tone: Tone::Neutral,
    }
}

fn tiles(s: &Summary) -> Vec<Tile> {
    if let Some(feed) = s.push.as_ref().filter(|_| summary::is_feed_only(s)) {
        return feed_tiles(feed);
    }
    let rate = format!("{} msg/s", human_rate(s.throughput.messages_per_s));
    let offered = s.offered_rate_per_s;
    let offered = offered.map(|rate| format!("of {} offered", human_rate(rate)));
    let throughput = tile("throughput", rate, offered.unwrap_or_default());
    let mut tiles: Vec<_> = load_sections::tile(s)
        .into_iter()
        .chain([throughput])
        .collect();
    // In closed loop they are the same.
    let (note, times) = match s.coordinated_omission_p99_ns {
        Some(_) => ("response time", &s.response_time_ns),
        None => ("service time", &s.service_time_ns),
    };
    for (name, ns) in times.shown() {
        let ns = ns.filter(|_| matches!(name, "p50" | "p99" | "max"));
        tiles.extend(ns.map(|ns| tile(name, human_time(ns), note.to_owned())));
    }
    tiles.extend(delivery_tiles(s));
    tiles.extend(storm_tiles(s));
    let m = &s.messages;
    let failed = m.failed();
    let of = format!("of {}", counted(m.sent + m.unsent, "message"));
    let mut failed_tile = tile("failed", grouped(failed), of);
    if failed > 0 {
        failed_tile.tone = Tone::Bad;
    }
    tiles.push(failed_tile);
    tiles
}

/// Headline of a run that sent nothing: rate, missing messages, gap and lateness, as far as the feed has them.
fn feed_tiles(feed: &PushSummary) -> Vec<Tile> {
    let rate = format!("{} msg/s", human_rate(feed.received_per_s));
    let to = format!("to {}", counted(feed.clients, "client"));
    let mut tiles = vec![tile("pushes", rate, to)];
    let faults = [("missing", feed.missing), ("duplicated", feed.duplicated)];
    tiles.extend(faults.into_iter().filter_map(|(label, count)| {
        let count = count?;
        let beside = format!("{} received", grouped(feed.received));
        let mut counted = tile(label, grouped(count), beside);
        if count > 0 {
            counted.tone = Tone::Bad;
        }
        Some(counted)
    }));
    let late = feed.late_ns.unwrap_or_default();
    let times = [
        ("gap p50", feed.gap_ns.p50, "between two messages"),
        ("gap p99", feed.gap_ns.p99, "between two messages"),
        ("lateness p99", late.p99, "against the interval"),
    ];
    tiles.extend(times.into_iter().filter_map(|(label, ns, note)| {
        Some(tile(label, human_time(ns? as f64), note.to_owned()))
    }));
    tiles
}

/// The reach and the last receiver's p99; none without deliveries.
fn delivery_tiles(s: &Summary) -> Vec<Tile> {
    let Some(of_run) = &s.fan_out else {
        return Vec::new();
    };
    let reach = of_run.reach.map(|reach| Tile {
        label: "reach".to_owned(),
        value: deliveries_view::reach(reach),
        note: format!("of {} deliveries", grouped(of_run.expected)),
        tone: match of_run.missing {
            0 => Tone::Neutral,
            _ => Tone::Bad,
        },
    });
    let last = of_run.last_ns.p99.map(|ns| Tile {
        label: "last p99".to_owned(),
        value: human_time(ns as f64),
        note: "last receiver".to_owned(),
        tone: Tone::Neutral,
    });
    [reach, last].into_iter().flatten().collect()
}

/// Times until half and 99 % of the lost connections were back; none when nothing was lost, or clients stay away.
fn storm_tiles(s: &Summary) -> Vec<Tile> {
    let own = s.reconnect.as_ref();
    let Some(own) = own.filter(|own| own.law.is_some() && own.dropped > 0) else {
        return Vec::new();
    };
    let note = format!("of {} lost", counted(own.dropped, "connection"));
    let times = [("50 % back", own.back_50_ns), ("99 % back", own.back_99_ns)];
    let tile = |(label, ns): (&str, Option<u64>)| Tile {
        label: label.to_owned(),
        value: ns.map_or_else(|| NOT_REACHED.to_owned(), |ns| human_time(ns as f64)),
        note: note.clone(),
        tone: match ns {
            Some(_) => Tone::Neutral,
            None => Tone::Bad,
        },
    };
    times.map(tile).into()
}

/// The table of times, then a table for each group of figures.
fn tables(run: &ReportedRun) -> Vec<Table> {
    let mut tables = vec![times(run)];
    let groups = figures(run).into_iter();
    let has_section = |group: &FigureGroup| {
        connection_sections::has_section(group)
            || delivery_sections::has_section(group)
            || load_sections::has_section(group)
    };
    for group in groups.filter(|group| !has_section(group)) {
        let rows = group.figures.into_iter();
        let rows = rows.filter_map(|figure| Some(TableRow::new(figure.name, vec![figure.value?])));
        let title = capital(group.title);
        match tables.last_mut().filter(|table| table.title == title) {
            Some(table) => table.rows.extend(rows),
            None => tables.push(Table {
                title,
                rows: rows.collect(),
                figures: true,
                ..Table::default()
            }),
        }
    }
    tables.extend(run.summary().into_iter().flat_map(scenario_tables));
    tables.retain(|table| !table.rows.is_empty());
    tables
}

fn times(run: &ReportedRun) -> Table {
    let both = run.has_response_time();
    let times = run.service.shown().into_iter().zip(run.response.shown());
    let rows = times.filter_map(|((name, service), (_, response))| {
        let mut cells = vec![human_time(service?)];
        if both {
            cells.push(response.map_or_else(|| UNKNOWN.to_owned(), human_time));
        }
        Some(TableRow::new(name, cells))
    });
    let mut columns = vec!["service time".to_owned(), "response time".to_owned()];
    columns.truncate(if both { 2 } else { 1 });
    Table {
        title: "Times".to_owned(),
        columns,
        rows: rows.collect(),
        note: match run.summary() {
            Some(s) => notes_on_times(s),
            None => run.sample.map_or_else(String::new, MessageSample::sentence),
        },
        figures: true,
    }
}

fn notes_on_times(s: &Summary) -> String {
    if s.service_time_ns.count == 0 {
        return "Nothing was measured.".to_owned();
    }
    let closed_loop = || format!("response time is {}", summary::RESPONSE_IS_SERVICE);
    let mut notes = vec![summary::omission(s).unwrap_or_else(closed_loop)];
    notes.extend(summary::remarks_on_times(s));
    let notes: Vec<_> = notes
        .iter()
        .map(|note| format!("{}.", capital(note)))
        .collect();
    notes.join(" ")
}

fn plan_and_host(s: &Summary) -> Block {
    Block::Tables(vec![
        settings_table("Plan", plan_settings(&s.plan, s.scenario.as_ref())),
        settings_table("Host", host_settings(s)),
    ])
}

pub(crate) fn settings_table(title: &str, settings: Vec<Setting>) -> Table {
    let rows = settings.into_iter();
    Table {
        title: title.to_owned(),
        rows: rows
            .map(|setting| TableRow::new(setting.what, vec![setting.value]))
            .collect(),
        ..Table::default()
    }
}

/// The command that repeats the run, and remarks on secrets and shards.
pub(crate) fn how_to_repeat(s: &Summary) -> Vec<Block> {
    match rerun_command(s) {
        Some(rerun) => vec![Block::Command(rerun.command), Block::List(rerun.notes)],
        None => vec![Block::Text(
            "The file does not store the command line, because an older ws-bench wrote it."
                .to_owned(),
        )],
    }
}
