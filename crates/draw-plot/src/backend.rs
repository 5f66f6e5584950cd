//! Shapes in whole dots on whichever backend; the only code that touches plotters' elements.

use plotters::coord::Shift;
use plotters::element::{Circle, PathElement, Polygon, Rectangle};
use plotters::prelude::{DrawingArea, DrawingAreaErrorKind, DrawingBackend};
use plotters::style::{Color, RGBAColor, RGBColor, ShapeStyle, TextStyle};

use crate::error::DrawError;

/// A place in dots from the upper left corner.
pub(crate) type Dot = (i32, i32);

/// What shapes are painted on. An object, so that pictures need not know the backend's type.
pub(crate) trait Surface {
    fn fill(&self, colour: RGBColor) -> Result<(), DrawError>;
    fn dot(&self, at: Dot, colour: RGBAColor) -> Result<(), DrawError>;
    fn text(&self, text: &str, style: &TextStyle<'_>, at: Dot) -> Result<(), DrawError>;
    fn path(&self, dots: Vec<Dot>, style: ShapeStyle) -> Result<(), DrawError>;
    fn polygon(&self, corners: Vec<Dot>, colour: RGBAColor) -> Result<(), DrawError>;
    fn rectangle(&self, corners: [Dot; 2], colour: RGBAColor) -> Result<(), DrawError>;
    fn circle(&self, centre: Dot, radius: u32, colour: RGBAColor) -> Result<(), DrawError>;
}

fn result<T, E>(drawn: Result<T, DrawingAreaErrorKind<E>>) -> Result<T, DrawError>
where
    E: std::error::Error + Send + Sync + 'static,
{
    drawn.map_err(DrawError::paint)
}

impl<B: DrawingBackend> Surface for DrawingArea<B, Shift>
where
    B::ErrorType: 'static,
{
    fn fill(&self, colour: RGBColor) -> Result<(), DrawError> {
        result(self.fill(&colour))
    }

    fn dot(&self, at: Dot, colour: RGBAColor) -> Result<(), DrawError> {
        result(self.draw_pixel(at, &colour))
    }

    fn text(&self, text: &str, style: &TextStyle<'_>, at: Dot) -> Result<(), DrawError> {
        result(self.draw_text(text, style, at))
    }

    fn path(&self, dots: Vec<Dot>, style: ShapeStyle) -> Result<(), DrawError> {
        result(self.draw(&PathElement::new(dots, style)))
    }

    fn polygon(&self, corners: Vec<Dot>, colour: RGBAColor) -> Result<(), DrawError> {
        result(self.draw(&Polygon::new(corners, colour.filled())))
    }

    fn rectangle(&self, corners: [Dot; 2], colour: RGBAColor) -> Result<(), DrawError> {
        result(self.draw(&Rectangle::new(corners, colour.filled())))
    }

    fn circle(&self, centre: Dot, radius: u32, colour: RGBAColor) -> Result<(), DrawError> {
        result(self.draw(&Circle::new(centre, radius, colour.filled())))
    }
}
