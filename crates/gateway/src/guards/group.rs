//! Which member of a group gets a call: the best priority among those that are well, then by weight,
//! then who has less to do. A choice among numbers; health is looked up by whoever asks.

use super::draw;
use crate::catalog::{Member, Route};
use crate::gateway::Snapshot;
use crate::server::Server;
use crate::server::ServerState;
use protocol::{Error, ErrorKind, Object, Raw, Text};
use std::sync::Arc;

/// A member, as far as the choice cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Candidate {
    /// A [`Fitness`] as a number.
    ailing: u8,
    priority: u32,
    weight: u32,
    outstanding: usize,
}

/// The member that gets the call.
fn choose(candidates: &[Candidate], mut draw: impl FnMut() -> u64) -> Option<usize> {
    let rank = |candidate: &Candidate| (candidate.ailing, candidate.priority);
    let best = candidates.iter().map(rank).min()?;
    let mut equal: Vec<usize> = (0..candidates.len()).filter(|&at| rank(&candidates[at]) == best).collect();
    let mut by_weight = |equal: &mut Vec<usize>| {
        let all: u64 = equal.iter().map(|&at| u64::from(candidates[at].weight)).sum();
        let mut left = draw() % all.max(1);
        let found = equal.iter().position(|&at| {
            let weight = u64::from(candidates[at].weight);
            let here = left < weight;
            left = left.saturating_sub(weight);
            here
        });
        (!equal.is_empty()).then(|| equal.swap_remove(found.unwrap_or(0)))
    };
    let first = by_weight(&mut equal)?;
    let Some(second) = by_weight(&mut equal) else { return Some(first) };
    // Of two, the one with less to do for its weight.
    let load = |at: usize, other: usize| candidates[at].outstanding as u64 * u64::from(candidates[other].weight);
    Some(if load(second, first) < load(first, second) { second } else { first })
}

/// The server of `route` that gets the call, of those that are not in `tried`.
pub(crate) fn pick(snapshot: &Snapshot, route: &Route, tried: &[Arc<str>]) -> Option<Arc<Server>> {
    let left = route.members.iter().filter(|member| !tried.contains(&member.server));
    let left: Vec<_> = left.filter_map(|member| Some((member, snapshot.servers.get(&member.server)?))).collect();
    let candidates: Vec<_> = left.iter().map(|(member, server)| candidate(member, server)).collect();
    choose(&candidates, draw).map(|at| left[at].1.clone())
}

/// The server of `route` that gets the call first. `asked` is the one that a retry must go to.
///
/// # Errors
/// When there is none any more.
pub(crate) fn first(snapshot: &Snapshot, route: &Route, asked: Option<&str>) -> Result<Arc<Server>, Error> {
    let asked = asked.filter(|asked| route.members.iter().any(|member| *member.server == **asked));
    let asked = asked.and_then(|asked| snapshot.servers.get(asked).cloned());
    asked.or_else(|| pick(snapshot, route, &[])).ok_or_else(|| {
        Error::new(ErrorKind::UnknownName, "no server of this group is there any more").hint("see: switchboard list")
    })
}

/// The route of a URI that several members of the group of `server` have; none where there is one only.
pub(crate) fn of_uri(snapshot: &Snapshot, server: &Server, uri: &Text) -> Option<Arc<Route>> {
    let group = server.entry.guards.group.as_ref()?;
    let members = snapshot.servers.values().filter_map(|other| {
        let own = other.entry.guards.group.as_ref().filter(|own| own.name == group.name && other.entry.is_active())?;
        let view = snapshot.catalog.single.get(&other.entry.reduced)?;
        view.resource(uri)?;
        Some(Member { server: other.name.clone(), priority: own.priority, weight: own.weight })
    });
    let members: Arc<[Member]> = members.collect();
    (members.len() > 1).then(|| {
        let mut route = Route::to(server.name.clone(), uri.clone(), Raw::of(&**uri));
        route.members = members;
        Arc::new(route)
    })
}

fn candidate(member: &Member, server: &Server) -> Candidate {
    let outstanding = server.guards.outstanding();
    Candidate { ailing: fitness(server) as u8, priority: member.priority, weight: member.weight, outstanding }
}

/// How fit a server is for a call.
fn fitness(server: &Server) -> Fitness {
    match server.link() {
        _ if server.guards.is_open() => Fitness::Unfit,
        Some(_) => Fitness::Well,
        None => match server.status().state {
            // A call wakes it.
            ServerState::Asleep | ServerState::Ready => Fitness::Well,
            ServerState::Starting => Fitness::Soon,
            _ => Fitness::Unfit,
        },
    }
}

/// Whether a member of a group can serve a call now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fitness {
    /// It is ready, or wakes.
    Well = 0,
    /// It is starting.
    Soon = 1,
    /// It is down or left alone.
    Unfit = 2,
}

/// A member of a group as whoever explains it sees it.
#[derive(Debug, Clone)]
pub struct GroupMember {
    /// The server.
    pub server: Arc<Server>,
    /// Whether it can serve now.
    pub fitness: Fitness,
    /// Lower is asked first.
    pub priority: u32,
}

/// The members of the group of `server` in the order in which they are asked now; those that have the
/// tool `own`, where one is named. Empty for a server without a group.
#[must_use]
pub fn members(snapshot: &Snapshot, server: &Server, own: Option<&Text>) -> Vec<GroupMember> {
    let Some(group) = &server.entry.guards.group else { return Vec::new() };
    let named = |tool: &Raw, own: &Text| Object::of(tool).ok().and_then(|tool| tool.text("name")).as_ref() == Some(own);
    let offers = |other: &Server| {
        own.is_none_or(|own| other.rules.offers(own) && other.catalog().tools.iter().any(|tool| named(tool, own)))
    };
    let mut members: Vec<GroupMember> = Vec::new();
    for other in snapshot.servers.values().filter(|other| other.entry.is_active() && offers(other)) {
        if let Some(own) = other.entry.guards.group.as_ref().filter(|own| own.name == group.name) {
            members.push(GroupMember { server: other.clone(), fitness: fitness(other), priority: own.priority });
        }
    }
    // A stable sort: equals stay in the order of their names.
    members.sort_by_key(|member| (member.fitness, member.priority));
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(ailing: u8, priority: u32, weight: u32, outstanding: usize) -> Candidate {
        Candidate { ailing, priority, weight, outstanding }
    }

    #[test]
    fn health_comes_before_priority_and_priority_before_weight() {
        let zero = || 0;
        assert_eq!(choose(&[], zero), None);
        assert_eq!(choose(&[candidate(2, 1, 1, 0), candidate(0, 100, 1, 9)], zero), Some(1));
        assert_eq!(choose(&[candidate(0, 2, 9, 0), candidate(0, 1, 1, 9)], zero), Some(1));
        assert_eq!(
            choose(&[candidate(2, 7, 1, 0), candidate(2, 5, 1, 0)], zero),
            Some(1),
            "none is well: the best of them"
        );
    }

    #[test]
    fn equals_share_by_weight_and_the_busy_one_is_spared() {
        let mut state = 1_u64;
        let mut draw = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        };
        let equal = [candidate(0, 1, 3, 0), candidate(0, 1, 1, 0)];
        let first = (0..4000).filter(|_| choose(&equal, &mut draw) == Some(0)).count();
        assert!((2700..3300).contains(&first), "{first} of 4000 went to the one with three quarters");
        let busy = [candidate(0, 1, 1, 8), candidate(0, 1, 1, 1), candidate(0, 1, 1, 8)];
        let spared = (0..3000).filter(|_| choose(&busy, &mut draw) == Some(1)).count();
        assert!(spared > 1800, "{spared} of 3000 went to the idle one");
    }
}
