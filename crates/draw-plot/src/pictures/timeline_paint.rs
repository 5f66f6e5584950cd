//! Where each number of a timeline goes on the canvas.

use plotters::style::Color;
use units::grouped;

use super::common::{hover_places, log_scale, scale_from_zero};
use super::timeline::{TimelinePlot, Track, ZONE, failures, highest, values};
use crate::axes::{Panel, PanelAxes};
use crate::canvas::{Align, Canvas};
use crate::encode::Plot;
use crate::error::DrawError;
use crate::inline_svg::Hover;
use crate::scale::{AxisScale, fixed, milliseconds};
use crate::series::lines;
use crate::series::thin_out;

/// How much higher an axis is than what is drawn, where labels stand above that.
const HEADROOM: f64 = 1.25;

impl Plot for TimelinePlot<'_> {
    fn draw(&self, canvas: &Canvas<'_>) -> Result<Vec<Hover>, DrawError> {
        let (subtitle, legend) = (self.subtitle(), self.legend());
        let x_label = format!("time since the start of measuring ({})", self.time.unit);
        let unit_s = self.time.unit_s;
        let x = AxisScale::linear(self.time.from_s / unit_s, self.time.to_s / unit_s);
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
        self.failed(canvas, upper)?;
        Ok(self.hovers(upper))
    }

    fn alt(&self) -> String {
        let subtitle = self.subtitle().replace(" · ", ", ");
        let mut sentences = format!("Throughput and times of each second. {subtitle}.");
        let rates = highest(&self.throughput).round();
        sentences.push_str(&format!(" Up to {} messages per second.", fixed(rates, 0)));
        for track in self
            .times
            .iter()
            .rev()
            .filter(|track| !track.label.is_empty())
        {
            let highest = milliseconds(highest([track]));
            sentences.push_str(&format!(" Highest {}: {highest}.", track.label));
        }
        sentences
    }
}

impl TimelinePlot<'_> {
    fn scale_of_throughput(&self) -> AxisScale {
        let highest = highest(&self.throughput);
        if self.stage_starts().count() > 0 {
            scale_from_zero(highest * HEADROOM)
        } else {
            scale_from_zero(highest)
        }
    }

    /// Times that reach so far that the usual ones would lie on the ground have a logarithmic axis.
    fn scale_of_times(&self) -> Result<AxisScale, DrawError> {
        if self.is_log() {
            let steps = self.times.iter().flat_map(|track| values(&track.steps));
            log_scale(steps.filter(|ms| *ms > 0.0))
        } else {
            Ok(scale_from_zero(highest(&self.times)))
        }
    }

    fn x(&self, frame: &PanelAxes, at_s: f64) -> f64 {
        frame.x.pixel(at_s / self.time.unit_s)
    }

    /// What is not measured.
    fn zones(&self, canvas: &Canvas<'_>, frame: &PanelAxes) -> Result<(), DrawError> {
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
        if let Some(drain) = time.drain {
            zone(drain.from_s, time.to_s, unmeasured)?;
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

    fn stages(&self, canvas: &Canvas<'_>, frame: &PanelAxes) -> Result<(), DrawError> {
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
            let long = format!("asked for {}/s", grouped(whole(rate)));
            let short = format!("{}/s", grouped(whole(rate)));
            let fits = |text: &&String| canvas.text_width(text, font) + 8.0 * k <= right - left;
            if let Some(text) = [long, short].iter().find(fits) {
                let y = top + 0.8 * font.size;
                canvas.text(text, font, Align::Left, (left + 5.0 * k, y))?;
            }
        }
        Ok(())
    }

    fn track(
        &self,
        canvas: &Canvas<'_>,
        frame: &PanelAxes,
        track: &Track,
    ) -> Result<(), DrawError> {
        let width = track.width * frame.font.scale;
        for line in lines(&track.steps) {
            let pixels: Vec<_> = line
                .into_iter()
                .map(|(at_s, value)| frame.at((at_s / self.time.unit_s, value)))
                .collect();
            canvas.line(&thin_out(&pixels), track.colour, width)?;
        }
        Ok(())
    }

    /// Seconds with failures along the lower edge, and above them how many there were.
    fn failed(&self, canvas: &Canvas<'_>, frame: &PanelAxes) -> Result<(), DrawError> {
        let (font, k) = (frame.font.text, frame.font.scale);
        let bottom = frame.layout.bottom;
        for (second, _) in failures(self.all) {
            let from_s = second as f64;
            // However narrow a second is, it must be seen.
            let left = self.x(frame, from_s).min(frame.layout.right - 2.0 * k);
            let right = self.x(frame, (from_s + 1.0).min(self.time.to_s));
            let right = right.max(left + 2.0 * k);
            canvas.rectangle(
                (left, bottom - 6.0 * k),
                (right, bottom),
                self.colours.text.to_rgba(),
            )?;
        }
        let pixels_a_second = self.x(frame, 1.0) - self.x(frame, 0.0);
        let widest = canvas.text_width("9,999 failed ", font);
        let groups = crate::series::failures(failures(self.all), widest / pixels_a_second);
        for (from_s, to_s, count) in groups {
            let text = format!("{} failed", grouped(count));
            let half = canvas.text_width(&text, font) / 2.0;
            let middle = (self.x(frame, from_s) + self.x(frame, to_s)) / 2.0;
            let (left, right) = (frame.layout.left + half, frame.layout.right - half);
            let at = (
                middle.min(right).max(left),
                bottom - 8.0 * k - 0.7 * font.size,
            );
            canvas.text(&text, font, Align::Centre, at)?;
        }
        Ok(())
    }

    fn hovers(&self, frame: &PanelAxes) -> Vec<Hover> {
        let rows = self.all.iter().flat_map(|course| &course.rows);
        let seconds = rows.map(|row| row.second + 1).max().unwrap_or(0);
        let seconds = usize::try_from(seconds).unwrap_or(usize::MAX);
        hover_places(seconds)
            .filter(|second| (*second as f64) < self.time.to_s)
            .map(|second| {
                let from_s = second as f64;
                let to_s = (from_s + 1.0).min(self.time.to_s);
                Hover {
                    x: self.x(frame, (from_s + to_s) / 2.0),
                    y: None,
                    text: self.said(second as u64),
                }
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
