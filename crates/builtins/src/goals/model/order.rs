//! An order of nodes in which each stands after what it waits for, kept while arcs come and go
//! (Pearce and Kelly, "A dynamic topological sort algorithm for directed acyclic graphs", 2006).
//!
//! An arc that fits costs nothing, one that does not only the nodes between its ends in the order;
//! one that would close a circle is refused with the circle. It deliberately knows no tasks.

/// The nodes, numbered by their owner, and their arcs.
#[derive(Debug, Default)]
pub(super) struct Order {
    rank: Vec<u32>,
    /// Nodes that wait for this one; one entry per arc.
    after: Vec<Vec<u32>>,
    /// Nodes that this one waits for; one entry per arc.
    before: Vec<Vec<u32>>,
    next_rank: u32,
    /// In which search a node was seen last, and from where.
    seen: Vec<(u32, u32)>,
    search: u32,
}

/// The nodes of a circle that an arc would have closed, in the order of their arcs; the arc itself
/// goes from the last to the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Circle(pub(super) Vec<u32>);

// === impl Order ===

impl Order {
    /// Makes room for `node`, without arcs, at the end of the order.
    pub(super) fn add_node(&mut self, node: u32) {
        let at = node as usize;
        if self.rank.len() <= at {
            self.rank.resize(at + 1, 0);
            self.after.resize(at + 1, Vec::new());
            self.before.resize(at + 1, Vec::new());
            self.seen.resize(at + 1, (0, 0));
        }
        self.rank[at] = self.next_rank;
        self.next_rank += 1;
    }

    /// Where `node` stands.
    #[cfg(test)]
    pub(super) fn rank(&self, node: u32) -> u32 {
        self.rank[node as usize]
    }

    /// Lets `later` wait for `earlier`.
    ///
    /// # Errors
    /// `earlier` waits for `later` already; nothing changed.
    pub(super) fn add_arc(&mut self, earlier: u32, later: u32) -> Result<(), Circle> {
        if earlier == later {
            return Err(Circle(vec![earlier]));
        }
        if self.rank[earlier as usize] > self.rank[later as usize] {
            self.reorder(earlier, later)?;
        }
        self.after[earlier as usize].push(later);
        self.before[later as usize].push(earlier);
        Ok(())
    }

    /// Takes one arc away.
    pub(super) fn remove_arc(&mut self, earlier: u32, later: u32) {
        for (list, node) in [(&mut self.after[earlier as usize], later), (&mut self.before[later as usize], earlier)] {
            // The last first: what is deleted together is deleted newest first.
            if let Some(at) = list.iter().rposition(|other| *other == node) {
                list.swap_remove(at);
            }
        }
    }

    /// Takes many arcs at once, for a state that is loaded: cheaper than one by one.
    ///
    /// # Errors
    /// The arcs hold a circle; a node of it.
    pub(super) fn add_arcs(&mut self, arcs: impl Iterator<Item = (u32, u32)>) -> Result<(), Circle> {
        // A number that no node has is a node without arcs.
        for (earlier, later) in arcs {
            self.after[earlier as usize].push(later);
            self.before[later as usize].push(earlier);
        }
        let mut left: Vec<usize> = self.before.iter().map(Vec::len).collect();
        let mut free: Vec<u32> = (0..).zip(&left).filter(|(_, left)| **left == 0).map(|(node, _)| node).collect();
        let mut at = 0;
        while let Some(&node) = free.get(at) {
            self.rank[node as usize] = u32::try_from(at).unwrap_or(u32::MAX);
            at += 1;
            for later in &self.after[node as usize] {
                left[*later as usize] -= 1;
                if left[*later as usize] == 0 {
                    free.push(*later);
                }
            }
        }
        self.next_rank = u32::try_from(self.rank.len()).unwrap_or(u32::MAX);
        match (0..).zip(&left).find(|(_, left)| **left > 0) {
            Some((node, _)) => Err(Circle(vec![node])),
            None => Ok(()),
        }
    }

    /// Puts what waits for `later` behind what `earlier` waits for.
    fn reorder(&mut self, earlier: u32, later: u32) -> Result<(), Circle> {
        let (low, high) = (self.rank[later as usize], self.rank[earlier as usize]);
        let mut forth = self.reach(later, false, low, high);
        if self.seen[earlier as usize].0 == self.search {
            return Err(self.circle(earlier, later));
        }
        let mut back = self.reach(earlier, true, low, high);
        let rank = &self.rank;
        forth.sort_unstable_by_key(|node| rank[*node as usize]);
        back.sort_unstable_by_key(|node| rank[*node as usize]);
        let mut ranks: Vec<u32> = back.iter().chain(&forth).map(|node| rank[*node as usize]).collect();
        ranks.sort_unstable();
        for (node, rank) in back.iter().chain(&forth).zip(ranks) {
            self.rank[*node as usize] = rank;
        }
        Ok(())
    }

    /// What can be reached from `start` without leaving the ranks from `low` to `high`.
    fn reach(&mut self, start: u32, backward: bool, low: u32, high: u32) -> Vec<u32> {
        self.search = self.search.wrapping_add(1);
        if self.search == 0 {
            self.seen.fill((0, 0));
            self.search = 1;
        }
        let search = self.search;
        let arcs = if backward { &self.before } else { &self.after };
        self.seen[start as usize] = (search, start);
        let mut found = vec![start];
        let mut at = 0;
        while let Some(&node) = found.get(at) {
            at += 1;
            for &next in &arcs[node as usize] {
                let rank = self.rank[next as usize];
                if (low..=high).contains(&rank) && self.seen[next as usize].0 != search {
                    self.seen[next as usize] = (search, node);
                    found.push(next);
                }
            }
        }
        found
    }

    /// The way of the last search from `later` to `earlier`.
    fn circle(&self, earlier: u32, later: u32) -> Circle {
        let mut way = vec![earlier];
        let mut node = earlier;
        while node != later {
            node = self.seen[node as usize].1;
            way.push(node);
        }
        way.reverse();
        Circle(way)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::goals::model::random::Random;

    fn nodes(count: u32) -> Order {
        let mut order = Order::default();
        (0..count).for_each(|node| order.add_node(node));
        order
    }

    #[test]
    fn a_circle_is_named() {
        let mut order = nodes(4);
        assert_eq!(order.add_arc(0, 1), Ok(()));
        assert_eq!(order.add_arc(1, 2), Ok(()));
        assert_eq!(order.add_arc(2, 0), Err(Circle(vec![0, 1, 2])));
        assert_eq!(order.add_arc(3, 3), Err(Circle(vec![3])));
        order.remove_arc(1, 2);
        assert_eq!(order.add_arc(2, 0), Ok(()));
    }

    /// Whether `to` is reached from `from`, looked up the simple way.
    fn reaches(arcs: &[(u32, u32)], from: u32, to: u32) -> bool {
        let (mut found, mut at) = (vec![from], 0);
        while at < found.len() {
            let node = found[at];
            at += 1;
            found.extend(
                arcs.iter()
                    .filter(|arc| arc.0 == node)
                    .map(|arc| arc.1)
                    .filter(|next| !found.contains(next))
                    .collect::<Vec<_>>(),
            );
        }
        found.contains(&to)
    }

    #[test]
    fn it_refuses_exactly_what_closes_a_circle_and_stays_an_order() {
        let mut random = Random::new(11);
        for _ in 0..300 {
            let count = 2 + random.below(12);
            let mut order = nodes(u32::try_from(count).unwrap());
            let mut arcs: Vec<(u32, u32)> = Vec::new();
            for _ in 0..60 {
                if random.below(4) == 0 && !arcs.is_empty() {
                    let (earlier, later) = arcs.swap_remove(usize::try_from(random.below(arcs.len() as u64)).unwrap());
                    order.remove_arc(earlier, later);
                    continue;
                }
                let arc = (random.below(count) as u32, random.below(count) as u32);
                match order.add_arc(arc.0, arc.1) {
                    Ok(()) => {
                        assert!(!reaches(&arcs, arc.1, arc.0), "{arcs:?} took {arc:?}");
                        arcs.push(arc);
                    }
                    Err(Circle(way)) => {
                        assert_eq!((way[0], way[way.len() - 1]), (arc.1, arc.0));
                        assert!(way.windows(2).all(|pair| arcs.contains(&(pair[0], pair[1]))), "{way:?} in {arcs:?}");
                    }
                }
                assert!(arcs.iter().all(|arc| order.rank(arc.0) < order.rank(arc.1)), "{arcs:?}");
            }
            let mut loaded = nodes(u32::try_from(count).unwrap());
            assert_eq!(loaded.add_arcs(arcs.iter().copied()), Ok(()));
            assert!(arcs.iter().all(|arc| loaded.rank(arc.0) < loaded.rank(arc.1)));
        }
        assert!(nodes(2).add_arcs([(0, 1), (1, 0)].into_iter()).is_err());
    }
}
