//! Rate laws as text: a chemistry file states its published equations, and they are compiled once into a flat
//! list of operations. A new cell is a new file, not a new branch.

use statrs::function::erf::erfc;
use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// Deepest nesting of intermediate values that a formula may need.
const STACK: usize = 32;

/// Most formulas need no more than this, and less room is emptied sooner.
const SHALLOW: usize = 8;

/// A compiled formula over numbered variables.
#[derive(Debug, Clone, PartialEq)]
pub struct Formula {
    ops: Vec<Op>,
    /// The same for one row of variables.
    steps: Vec<Step>,
    is_shallow: bool,
}

/// An operation that takes its right operand along where that is no result of another.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Push(Operand),
    Unary(Op),
    /// Of the two results on top.
    Binary(Op),
    /// Of the result on top and what is taken along.
    With(Op, Operand),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Operand {
    Constant(f64),
    Variable(u16),
}

impl Operand {
    #[inline(always)]
    fn of(self, variables: &[f64]) -> f64 {
        match self {
            Self::Constant(value) => value,
            Self::Variable(index) => variables[usize::from(index)],
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Op {
    Constant(f64),
    Variable(u16),
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
    Negate,
    Call1(Unary),
    Maximum,
    Minimum,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Unary {
    Exp,
    Ln,
    Sqrt,
    Abs,
    Tanh,
    /// Density of the standard normal distribution.
    NormalPdf,
    /// Distribution function of the standard normal distribution.
    NormalCdf,
    /// Average over a chunk of time; at one instant, the value itself.
    Mean,
}

impl Unary {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "exp" => Self::Exp,
            "ln" => Self::Ln,
            "sqrt" => Self::Sqrt,
            "abs" => Self::Abs,
            "tanh" => Self::Tanh,
            "npdf" => Self::NormalPdf,
            "ncdf" => Self::NormalCdf,
            "mean" => Self::Mean,
            _ => return None,
        })
    }

    fn of(self, x: f64) -> f64 {
        match self {
            Self::Exp => x.exp(),
            Self::Ln => x.ln(),
            Self::Sqrt => x.sqrt(),
            Self::Abs => x.abs(),
            Self::Tanh => x.tanh(),
            Self::NormalPdf => (-0.5 * x * x).exp() / (2.0 * PI).sqrt(),
            Self::NormalCdf => 0.5 * erfc(-x * FRAC_1_SQRT_2),
            Self::Mean => x,
        }
    }
}

/// Why a formula cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("in formula `{text}` at character {at}: {reason}")]
pub struct FormulaError {
    text: String,
    at: usize,
    reason: String,
}

/// What a name in a formula stands for.
#[derive(Debug, Clone, Copy)]
pub enum Meaning<'a> {
    /// A numbered variable.
    Variable(u16),
    /// Another formula, put in its place.
    Shorthand(&'a Formula),
}

impl Formula {
    /// Reads `text`; `lookup` says what its names stand for.
    ///
    /// Grammar: numbers, names, `+ - * / ^` (power binds tighter than a leading minus and to the right),
    /// parentheses, `exp ln sqrt abs tanh npdf ncdf` of one and `min max` of two arguments, and `mean`, which
    /// tells [`Formula::average`] what to average before the rest is computed and changes nothing elsewhere.
    ///
    /// # Errors
    /// When the text is not such a formula, names something unknown or nests too deeply.
    pub fn parse<'a>(text: &str, lookup: &dyn Fn(&str) -> Option<Meaning<'a>>) -> Result<Self, FormulaError> {
        let mut parser = Parser { text, at: 0, ops: Vec::new(), lookup };
        parser.sum(0)?;
        parser.skip_blanks();
        if parser.at < text.len() {
            return Err(parser.error("an operator or the end is expected"));
        }
        let formula = Self::of(fold(&parser.ops));
        if formula.depth() > STACK {
            return Err(parser.error("nests too deeply"));
        }
        Ok(formula)
    }

    /// A formula that is a constant.
    pub fn constant(value: f64) -> Self {
        Self::of(vec![Op::Constant(value)])
    }

    fn of(ops: Vec<Op>) -> Self {
        let mut formula = Self { steps: joined(&ops), ops, is_shallow: false };
        formula.is_shallow = formula.depth() <= SHALLOW;
        formula
    }

    /// The value, when the formula does not depend on anything.
    pub fn as_constant(&self) -> Option<f64> {
        match self.ops[..] {
            [Op::Constant(value)] => Some(value),
            _ => None,
        }
    }

    /// Whether the formula mentions this variable.
    pub fn mentions(&self, variable: u16) -> bool {
        self.ops.contains(&Op::Variable(variable))
    }

    /// Value with the given variables. NaN where the formula is undefined.
    pub fn value(&self, variables: &[f64]) -> f64 {
        if self.is_shallow { self.run::<SHALLOW>(variables) } else { self.run::<STACK>(variables) }
    }

    /// Runs the steps on a stack of `N`, a power of two.
    #[inline(always)]
    fn run<const N: usize>(&self, variables: &[f64]) -> f64 {
        // Parsing made sure that nothing is beyond the stack: the mask only tells the compiler.
        let mut stack = [0.0; N];
        let mut length = 0_usize;
        for step in &self.steps {
            let top = length.wrapping_sub(1) & (N - 1);
            match *step {
                Step::Push(operand) => {
                    stack[length & (N - 1)] = operand.of(variables);
                    length += 1;
                }
                Step::Unary(Op::Call1(function)) => stack[top] = function.of(stack[top]),
                Step::Unary(_) => stack[top] = -stack[top],
                Step::With(op, operand) => stack[top] = apply(op, stack[top], operand.of(variables)),
                Step::Binary(op) => {
                    let under = length.wrapping_sub(2) & (N - 1);
                    stack[under] = apply(op, stack[under], stack[top]);
                    length -= 1;
                }
            }
        }
        stack[0]
    }

    /// Average of the values of several rows of variables, with weights that sum to 1. What stands in `mean(…)`
    /// is averaged first and is then the same for every row.
    pub fn average<R: AsRef<[f64]>>(&self, rows: &[R], weights: &[f64]) -> f64 {
        let weighted = |values: &mut dyn Iterator<Item = f64>| {
            values.zip(weights).map(|(value, weight)| value * weight).sum::<f64>()
        };
        if !self.ops.contains(&Op::Call1(Unary::Mean)) {
            return weighted(&mut rows.iter().map(|row| self.value(row.as_ref())));
        }
        let mut stack: Vec<Vec<f64>> = Vec::new();
        for op in &self.ops {
            match *op {
                Op::Constant(value) => stack.push(vec![value; rows.len()]),
                Op::Variable(index) => {
                    stack.push(rows.iter().map(|row| row.as_ref()[usize::from(index)]).collect());
                }
                unary @ (Op::Negate | Op::Call1(_)) => {
                    let top = stack.last_mut().expect("parsing made sure of the operands");
                    match unary {
                        Op::Call1(Unary::Mean) => {
                            let mean = weighted(&mut top.iter().copied());
                            top.fill(mean);
                        }
                        Op::Call1(function) => top.iter_mut().for_each(|x| *x = function.of(*x)),
                        _ => top.iter_mut().for_each(|x| *x = -*x),
                    }
                }
                binary => {
                    let right = stack.pop().expect("parsing made sure of the operands");
                    let left = stack.last_mut().expect("parsing made sure of the operands");
                    left.iter_mut().zip(right).for_each(|(a, b)| *a = apply(binary, *a, b));
                }
            }
        }
        weighted(&mut stack[0].iter().copied())
    }

    fn depth(&self) -> usize {
        let (mut top, mut deepest) = (0usize, 0usize);
        for op in &self.ops {
            match op {
                Op::Constant(_) | Op::Variable(_) => top += 1,
                Op::Negate | Op::Call1(_) => {}
                _ => top -= 1,
            }
            deepest = deepest.max(top);
        }
        deepest
    }
}

#[inline(always)]
fn apply(op: Op, a: f64, b: f64) -> f64 {
    match op {
        Op::Add => a + b,
        Op::Subtract => a - b,
        Op::Multiply => a * b,
        Op::Divide => a / b,
        Op::Power if b == 2.0 => a * a,
        Op::Power if b == 3.0 => a * a * a,
        Op::Power => a.powf(b),
        Op::Maximum => a.max(b),
        Op::Minimum => a.min(b),
        _ => unreachable!("only binary operations reach here"),
    }
}

/// Joins operands with the operation that follows them.
fn joined(ops: &[Op]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::with_capacity(ops.len());
    for op in ops {
        let step = match *op {
            Op::Constant(value) => Step::Push(Operand::Constant(value)),
            Op::Variable(index) => Step::Push(Operand::Variable(index)),
            unary @ (Op::Negate | Op::Call1(_)) => Step::Unary(unary),
            binary => match steps.pop_if(|last| matches!(last, Step::Push(_))) {
                Some(Step::Push(operand)) => Step::With(binary, operand),
                _ => Step::Binary(binary),
            },
        };
        steps.push(step);
    }
    steps
}

/// Replaces operations on constants by their value.
fn fold(ops: &[Op]) -> Vec<Op> {
    let mut folded: Vec<Op> = Vec::with_capacity(ops.len());
    for op in ops {
        let replacement = match (*op, &folded[..]) {
            (Op::Negate, [.., Op::Constant(a)]) => Some((1, -a)),
            (Op::Call1(function), [.., Op::Constant(a)]) => Some((1, function.of(*a))),
            (Op::Constant(_) | Op::Variable(_), _) => None,
            (binary, [.., Op::Constant(a), Op::Constant(b)]) => Some((2, apply(binary, *a, *b))),
            _ => None,
        };
        match replacement {
            Some((used, value)) => {
                folded.truncate(folded.len() - used);
                folded.push(Op::Constant(value));
            }
            None => folded.push(*op),
        }
    }
    folded
}

struct Parser<'t, 'l, 'a> {
    text: &'t str,
    at: usize,
    ops: Vec<Op>,
    lookup: &'l dyn Fn(&str) -> Option<Meaning<'a>>,
}

impl Parser<'_, '_, '_> {
    fn error(&self, reason: impl Into<String>) -> FormulaError {
        FormulaError { text: self.text.into(), at: self.at + 1, reason: reason.into() }
    }

    fn skip_blanks(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    fn take(&mut self, symbol: char) -> bool {
        self.skip_blanks();
        let found = self.text[self.at..].starts_with(symbol);
        if found {
            self.at += symbol.len_utf8();
        }
        found
    }

    fn expect(&mut self, symbol: char) -> Result<(), FormulaError> {
        if self.take(symbol) { Ok(()) } else { Err(self.error(format!("`{symbol}` is expected"))) }
    }

    fn sum(&mut self, nesting: usize) -> Result<(), FormulaError> {
        if nesting > STACK {
            return Err(self.error("nests too deeply"));
        }
        self.product(nesting)?;
        loop {
            let op = if self.take('+') {
                Op::Add
            } else if self.take('-') {
                Op::Subtract
            } else {
                return Ok(());
            };
            self.product(nesting)?;
            self.ops.push(op);
        }
    }

    fn product(&mut self, nesting: usize) -> Result<(), FormulaError> {
        self.signed(nesting)?;
        loop {
            let op = if self.take('*') {
                Op::Multiply
            } else if self.take('/') {
                Op::Divide
            } else {
                return Ok(());
            };
            self.signed(nesting)?;
            self.ops.push(op);
        }
    }

    fn signed(&mut self, nesting: usize) -> Result<(), FormulaError> {
        if self.take('-') {
            self.signed(nesting)?;
            self.ops.push(Op::Negate);
            return Ok(());
        }
        self.atom(nesting)?;
        if self.take('^') {
            self.signed(nesting)?;
            self.ops.push(Op::Power);
        }
        Ok(())
    }

    fn atom(&mut self, nesting: usize) -> Result<(), FormulaError> {
        if self.take('(') {
            self.sum(nesting + 1)?;
            return self.expect(')');
        }
        self.skip_blanks();
        let rest = &self.text[self.at..];
        let first = rest.chars().next().ok_or_else(|| self.error("a value is expected"))?;
        if first.is_ascii_digit() || first == '.' {
            let length = number_length(rest);
            let value = rest[..length]
                .parse()
                .map_err(|_| self.error(format!("`{}` is not a number", &rest[..length])))?;
            self.ops.push(Op::Constant(value));
            self.at += length;
            return Ok(());
        }
        let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let name = &rest[..length];
        if name.is_empty() {
            return Err(self.error(format!("unexpected `{first}`")));
        }
        self.at += length;
        if let Some(function) = Unary::named(name) {
            self.expect('(')?;
            self.sum(nesting + 1)?;
            self.ops.push(Op::Call1(function));
            return self.expect(')');
        }
        if name == "max" || name == "min" {
            self.expect('(')?;
            self.sum(nesting + 1)?;
            self.expect(',')?;
            self.sum(nesting + 1)?;
            self.ops.push(if name == "max" { Op::Maximum } else { Op::Minimum });
            return self.expect(')');
        }
        match (self.lookup)(name) {
            Some(Meaning::Variable(index)) => self.ops.push(Op::Variable(index)),
            Some(Meaning::Shorthand(formula)) => self.ops.extend_from_slice(&formula.ops),
            None => return Err(self.error(format!("`{name}` is not known here"))),
        }
        Ok(())
    }
}

/// Length of the number that `text` starts with, exponent included.
fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut end = bytes.iter().take_while(|b| b.is_ascii_digit() || **b == b'.').count();
    if end < bytes.len() && bytes[end].eq_ignore_ascii_case(&b'e') {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let digits =
            bytes[(end + 1 + sign).min(bytes.len())..].iter().take_while(|b| b.is_ascii_digit()).count();
        if digits > 0 {
            end += 1 + sign + digits;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> f64 {
        let lookup = |name: &str| match name {
            "T" => Some(Meaning::Variable(0)),
            "s" => Some(Meaning::Variable(1)),
            _ => None,
        };
        Formula::parse(text, &lookup).unwrap_or_else(|e| panic!("{e}")).value(&[300.0, 0.5])
    }

    #[test]
    fn precedence_is_that_of_written_mathematics() {
        assert_eq!(value("1+2*3"), 7.0);
        assert_eq!(value("-2^2"), -4.0);
        assert_eq!(value("2^-1"), 0.5);
        assert_eq!(value("2^3^2"), 512.0);
        assert_eq!(value("8/2/2"), 2.0);
        assert_eq!(value("1e2*(s - 0.25)"), 25.0);
        assert_eq!(value("exp(-T/300) * 2"), (-1.0f64).exp() * 2.0);
        assert_eq!(value("max(s, 0.7) + min(s, 0.7)"), 1.2);
        assert!((value("ncdf(0)") - 0.5).abs() < 1e-15);
        assert!((value("ncdf(1.959963984540054)") - 0.975).abs() < 1e-10);
    }

    #[test]
    fn a_mean_inside_is_taken_before_the_rest() {
        let lookup = |name: &str| (name == "x").then_some(Meaning::Variable(0));
        let average = |text: &str| {
            Formula::parse(text, &lookup).unwrap().average(&[[1.0], [4.0], [7.0]], &[0.25, 0.5, 0.25])
        };
        assert_eq!(average("2*x"), 8.0);
        assert_eq!(average("mean(x)^2 + 1"), 17.0);
        assert_eq!(average("x^2"), 0.25 + 8.0 + 12.25);
        assert_eq!(average("max(5, mean(x)) - x"), 1.0);
    }

    #[test]
    fn mistakes_are_placed_and_named() {
        let read = |text: &str| Formula::parse(text, &|_| None).map_err(|e| e.to_string());
        assert_eq!(
            read("1 + foo"),
            Err("in formula `1 + foo` at character 8: `foo` is not known here".into())
        );
        assert!(read("(1").is_err_and(|e| e.contains("`)` is expected")));
        assert!(read("1 2").is_err_and(|e| e.contains("operator")));
        assert!(read("").is_err_and(|e| e.contains("a value is expected")));
        assert!(read(&"(".repeat(100_000)).is_err_and(|e| e.contains("deeply")));
    }
}
