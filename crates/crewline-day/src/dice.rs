//! Chance from a seed: the same seed, the same day.

/// A small generator (SplitMix64). Not for secrets.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Dice of their own for one thing of the day, so that what others draw changes nothing for it.
    pub(crate) fn of(seed: u64, thing: u64, number: u64) -> Self {
        let mut dice = Self(seed ^ thing.wrapping_mul(0xd6e8_feb8_6659_fd93));
        let seed = dice.bits() ^ number.wrapping_mul(0xa076_1d64_78bd_642f);
        Self(seed)
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 up to, but not including 1.
    pub(crate) fn share(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number below `end`; 0 where `end` is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.bits() % end.max(1) as u64) as usize
    }

    pub(crate) fn between(&mut self, (least, most): (f64, f64)) -> f64 {
        least + self.share() * (most - least)
    }

    pub(crate) fn chance(&mut self, of: f64) -> bool {
        self.share() < of
    }

    /// One of these, each as often as its weight says. There is at least one.
    pub(crate) fn weighted<T: Copy>(&mut self, items: &[(T, f64)]) -> T {
        let mut at = self.share() * items.iter().map(|(_, weight)| weight).sum::<f64>();
        for (item, weight) in items {
            at -= weight;
            if at < 0.0 {
                return *item;
            }
        }
        items[items.len() - 1].0
    }

    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    pub(crate) fn text(&mut self, texts: &[&'static str]) -> &'static str {
        texts[self.below(texts.len())]
    }

    /// How many of something come in a time in which so many are expected (Poisson).
    pub(crate) fn count(&mut self, expected: f64) -> usize {
        // In parts: the product of many shares would be too small for a number.
        let mut left = expected.max(0.0);
        let mut count = 0;
        while left > 0.0 {
            let part = left.min(50.0);
            left -= part;
            let (end, mut product) = ((-part).exp(), self.share());
            while product > end {
                count += 1;
                product *= self.share();
            }
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_throws_the_same_and_counts_are_about_what_is_expected() {
        let (mut one, mut other) = (Dice::of(7, 1, 2), Dice::of(7, 1, 2));
        assert!((0..100).all(|_| one.bits() == other.bits()));
        assert_ne!(Dice::of(7, 1, 3).bits(), Dice::of(7, 1, 2).bits());
        let mut dice = Dice::new(7);
        let sum: usize = (0..100).map(|_| dice.count(120.0)).sum();
        assert!((11_000..13_000).contains(&sum), "{sum}");
        assert_eq!(dice.count(0.0), 0);
    }

    #[test]
    fn what_weighs_nothing_is_never_drawn() {
        let mut dice = Dice::new(1);
        assert!((0..1_000).all(|_| dice.weighted(&[('a', 1.0), ('b', 0.0), ('c', 2.0)]) != 'b'));
    }
}
