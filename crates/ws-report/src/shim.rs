// temporary, until kinds is merged
#[derive(Debug, Clone)]
pub struct Svg {
    pub markup: String,
    pub alt: String,
    pub hovers: Vec<Hover>,
}
#[derive(Debug, Clone)]
pub struct Hover {
    pub x: f64,
    pub y: Option<f64>,
    pub text: Vec<String>,
}
pub fn page_style() -> String {
    String::new()
}
