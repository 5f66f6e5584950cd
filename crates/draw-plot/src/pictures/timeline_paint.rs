//! Where each number of a timeline goes on the canvas.

use measurement::units::grouped;
use plotters::style::Color;

use super::beyond::{self, Beyond};
use super::common::{hover_places, log_scale};
use super::timeline::{FAILED, Timeline, Track, ZONE, failures};
use crate::axis::Scale;
use crate::canvas::{Align, Canvas};
use crate::curve::thinned;
use crate::encode::Picture;
use crate::error::DrawError;
use crate::frame::{Frame, Panel};
use crate::page::Hover;
use crate::series::{Step, below, lines};

/// How much higher an axis is than what is drawn, where labels stand above that.
const HEADROOM: f64 = 1.25;

impl Picture for Timeline<'_> {
    fn draw(&self, canvas: &Canvas<'_>) -> Result<Vec<Hover>, DrawError> {
        let (subtitle, legend) = (self.subtitle(), self.legend());
        let x_label = format!("time since the start of measuring ({})", self.time.unit);
        let unit_s = self.time.unit_s;
        let x = Scale::linear(self.time.from_s / unit_s, self.time.to_s / unit_s);
        let around =
            self.task
                .surroundings(&self.colours, &subtitle, &legend, (x, x_label.as_str()));
        let times = self.scale_of_times()?;
        let frames = around.draw(
            canvas,
            &[
                Panel::new("messages per second".to_owned(), self.scale_of_throughput()),
                Panel {
                    share: 1.4,
                    ..Panel::new(self.heading(), times)
                },
            ],
        )?;
        // As many frames as panels.
        let (upper, lower) = (&frames[0], &frames[1]);
        for frame in &frames {
            self.zones(canvas, frame)?;
        }
        self.stages(canvas, upper)?;
        for (frame, tracks) in [(upper, &self.throughput), (lower, &self.times)] {
            for track in tracks {
                self.track(canvas, frame, track)?;
            }
        }
        self.failed(canvas, lower)?;
        self.beyond(canvas, lower, times.high)?;
        Ok(self.hovers(upper))
    }

    fn alt(&self) -> String {
        let mut sentences = "Throughput and times of each second.".to_owned();
        let (largest, times): (Vec<_>, Vec<_>) =
            self.times.iter().partition(|track| track.is_largest);
        let highest = |tracks: &[&Track]| -> f64 {
            let steps = tracks.iter().flat_map(|track| values(&track.steps));
            steps.fold(0.0, f64::max)
        };
        let highest = [("a percentile", &times), ("a single time", &largest)]
            .into_iter()
            .filter(|(_, tracks)| !tracks.is_empty())
            .map(|(what, tracks)| {
                let highest = crate::axis::milliseconds(highest(tracks));
                format!(" The highest {what} of a second is {highest}.").replace("a ", "")
            });
        sentences.push_str(&format!(" {}.", self.subtitle().replace(" · ", ", ")));
        sentences.extend(highest);
        sentences
    }
}

fn values(steps: &[Step]) -> impl Iterator<Item = f64> {
    steps.iter().filter_map(|step| step.value)
}

fn highest<'t>(tracks: impl IntoIterator<Item = &'t Track>) -> f64 {
    let steps = tracks.into_iter().flat_map(|track| values(&track.steps));
    steps.fold(0.0, f64::max)
}

impl Timeline<'_> {
    fn scale_of_throughput(&self) -> Scale {
        let highest = highest(&self.throughput);
        let room = if self.stage_starts().count() > 0 {
            HEADROOM
        } else {
            1.06
        };
        Scale::linear(0.0, if highest > 0.0 { highest * room } else { 1.0 })
    }

    fn scale_of_times(&self) -> Result<Scale, DrawError> {
        let has_labels = failures(self.all).next().is_some();
        if self.task.options.log {
            let steps = self.times.iter().flat_map(|track| values(&track.steps));
            let scale = log_scale(steps.filter(|ms| *ms > 0.0))?;
            let room = if has_labels { 0.2 } else { 0.0 };
            let high = scale.high * (scale.high / scale.low).powf(room);
            return Ok(Scale::log_between(scale.low, high));
        }
        let typical = highest(self.times.iter().filter(|track| !track.is_largest));
        let largest = highest(&self.times);
        // One slow message must not press all percentiles into a line at the bottom.
        let top = if typical > 0.0 && largest > 3.0 * typical {
            2.0 * typical
        } else {
            largest
        };
        let room = if has_labels { HEADROOM } else { 1.04 };
        Ok(Scale::linear(0.0, if top > 0.0 { top * room } else { 1.0 }))
    }

    fn x(&self, frame: &Frame, at_s: f64) -> f64 {
        frame.x.pixel(at_s / self.time.unit_s)
    }

    /// What is not measured, and seconds with failures.
    fn zones(&self, canvas: &Canvas<'_>, frame: &Frame) -> Result<(), DrawError> {
        let time = self.time;
        let (top, bottom) = (frame.layout.top, frame.layout.bottom);
        let zone = |from_s: f64, to_s: f64, colour| {
            let (left, right) = (self.x(frame, from_s), self.x(frame, to_s));
            canvas.rectangle((left, top), (right.max(left + 1.0), bottom), colour)
        };
        let unmeasured = self.colours.grid.mix(ZONE);
        if time.from_s < 0.0 {
            zone(time.from_s, 0.0, unmeasured)?;
            let middle = (self.x(frame, time.from_s) + self.x(frame, 0.0)) / 2.0;
            let room = self.x(frame, 0.0) - self.x(frame, time.from_s);
            let font = frame.font.faint;
            let texts = ["warm-up,", "not recorded"];
            if texts
                .iter()
                .all(|text| canvas.text_width(text, font) + 8.0 * frame.font.scale <= room)
            {
                let y = (top + bottom) / 2.0;
                for (text, y) in texts.iter().zip([y - 0.7 * font.size, y + 0.7 * font.size]) {
                    canvas.text(text, font, Align::Centre, (middle, y))?;
                }
            }
        }
        if let Some(from_s) = time.drain_from_s {
            zone(from_s, time.to_s, unmeasured)?;
        }
        for (second, _) in failures(self.all) {
            let from = second as f64;
            zone(
                from,
                (from + 1.0).min(time.to_s),
                self.colours.text.mix(FAILED),
            )?;
        }
        Ok(())
    }

    /// When each stage of a single run begins, and its rate.
    fn stage_starts(&self) -> impl Iterator<Item = (f64, f64, f64)> {
        let stages = match self.all {
            [only] => only.stages.as_slice(),
            _ => &[],
        };
        stages.iter().scan(0.0, |start_s, stage| {
            let from_s = *start_s;
            *start_s += stage.duration_s;
            Some((from_s, *start_s, stage.rate_per_s))
        })
    }

    fn stages(&self, canvas: &Canvas<'_>, frame: &Frame) -> Result<(), DrawError> {
        let k = frame.font.scale;
        let (top, bottom) = (frame.layout.top, frame.layout.bottom);
        let font = frame.font.faint;
        for (from_s, to_s, rate) in self.stage_starts().filter(|s| s.0 < self.time.to_s) {
            let (left, right) = (
                self.x(frame, from_s),
                self.x(frame, to_s.min(self.time.to_s)),
            );
            if from_s > 0.0 {
                canvas.dashed(&[(left, bottom), (left, top)], font.colour, (1.3 * k, k))?;
            }
            let long = format!("asked {}/s", grouped(whole(rate)));
            let short = format!("{}/s", grouped(whole(rate)));
            let fits = |text: &&String| canvas.text_width(text, font) + 8.0 * k <= right - left;
            if let Some(text) = [long, short].iter().find(fits) {
                let y = top + 0.8 * font.size;
                canvas.text(text, font, Align::Left, (left + 5.0 * k, y))?;
            }
        }
        Ok(())
    }

    fn track(&self, canvas: &Canvas<'_>, frame: &Frame, track: &Track) -> Result<(), DrawError> {
        let width = track.width * frame.font.scale;
        let top = frame.y.high();
        for line in lines(&track.steps) {
            for part in below(&line, top) {
                let pixels: Vec<_> = part
                    .into_iter()
                    .map(|(at_s, value)| frame.at((at_s / self.time.unit_s, value)))
                    .collect();
                let pixels = thinned(&pixels);
                if track.is_dashed {
                    canvas.dashed(&pixels, track.colour, (width, frame.font.scale))?;
                } else {
                    canvas.line(&pixels, track.colour, width)?;
                }
            }
        }
        Ok(())
    }

    /// How many messages failed, above their seconds.
    fn failed(&self, canvas: &Canvas<'_>, frame: &Frame) -> Result<(), DrawError> {
        let font = frame.font.text;
        let pixels_a_second = self.x(frame, 1.0) - self.x(frame, 0.0);
        let widest = canvas.text_width("9,999 failed", font);
        let groups = crate::series::failures(failures(self.all), widest / pixels_a_second);
        for (from_s, to_s, count) in groups {
            let text = format!("{} failed", grouped(count));
            let half = canvas.text_width(&text, font) / 2.0;
            let middle = (self.x(frame, from_s) + self.x(frame, to_s)) / 2.0;
            let (left, right) = (frame.layout.left + half, frame.layout.right - half);
            let x = middle.min(right).max(left);
            let y = frame.layout.top + 1.3 * font.size;
            canvas.text(&text, font, Align::Centre, (x, y))?;
        }
        Ok(())
    }

    /// Seconds whose largest time is above the axis.
    fn beyond(&self, canvas: &Canvas<'_>, frame: &Frame, top: f64) -> Result<(), DrawError> {
        for track in self.times.iter().filter(|track| track.is_largest) {
            let above = || track.steps.iter().filter(|step| step.value > Some(top));
            let middles = above().map(|step| (step.from_s + step.to_s) / 2.0 / self.time.unit_s);
            beyond::marks(canvas, frame, middles, track.colour)?;
            let values = above().filter_map(|step| step.value);
            Beyond::of(top, values).note(canvas, frame, ('▲', "second"))?;
        }
        Ok(())
    }

    fn hovers(&self, frame: &Frame) -> Vec<Hover> {
        let rows = self.all.iter().flat_map(|course| &course.rows);
        let seconds = rows.map(|row| row.second + 1).max().unwrap_or(0);
        let seconds = usize::try_from(seconds).unwrap_or(usize::MAX);
        hover_places(seconds)
            .filter(|second| (*second as f64) < self.time.to_s)
            .map(|second| Hover {
                x: self.x(frame, second as f64 + 0.5),
                y: None,
                text: self.said(second as u64),
            })
            .collect()
    }
}

/// Messages per second, for people.
fn whole(rate: f64) -> u64 {
    // Saturates, and this only prints.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let whole = rate.round() as u64;
    whole
}
