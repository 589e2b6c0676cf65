//! A radix trie over bytes that reports every stored key that is a prefix of a given one.
//!
//! Nodes stand in one vector, the children of a node next to each other, so that a step down is a
//! search in a few bytes and one jump.

/// What a key of a look-up can be: bytes as they are, in lower case, or from the end.
pub(crate) trait Key: Copy {
    /// The byte at a place.
    fn byte(self, at: usize) -> Option<u8>;
    /// Whether these bytes stand at a place.
    fn has(self, at: usize, label: &[u8]) -> bool;
}

/// The bytes as they are.
#[derive(Clone, Copy)]
pub(crate) struct Plain<'a>(pub(crate) &'a [u8]);

/// The bytes in ASCII lower case.
#[derive(Clone, Copy)]
pub(crate) struct Lower<'a>(pub(crate) &'a [u8]);

/// The bytes from the last to the first.
#[derive(Clone, Copy)]
pub(crate) struct Reversed<'a>(pub(crate) &'a [u8]);

impl Key for Plain<'_> {
    fn byte(self, at: usize) -> Option<u8> {
        self.0.get(at).copied()
    }

    fn has(self, at: usize, label: &[u8]) -> bool {
        self.0.get(at..).is_some_and(|rest| rest.starts_with(label))
    }
}

impl Key for Lower<'_> {
    fn byte(self, at: usize) -> Option<u8> {
        self.0.get(at).map(u8::to_ascii_lowercase)
    }

    fn has(self, at: usize, label: &[u8]) -> bool {
        at.checked_add(label.len())
            .and_then(|end| self.0.get(at..end))
            .is_some_and(|part| part.eq_ignore_ascii_case(label))
    }
}

impl Key for Reversed<'_> {
    fn byte(self, at: usize) -> Option<u8> {
        self.0.len().checked_sub(at + 1).and_then(|at| self.0.get(at)).copied()
    }

    fn has(self, at: usize, label: &[u8]) -> bool {
        let end = self.0.len().checked_sub(at);
        let part = end.and_then(|end| end.checked_sub(label.len()).and_then(|start| self.0.get(start..end)));
        part.is_some_and(|part| part.iter().rev().eq(label))
    }
}

/// The value of a node at which no key ends.
const NOTHING: u32 = u32::MAX;

#[derive(Debug)]
struct Node {
    /// Where its bytes begin in [`Trie::labels`].
    label: u32,
    label_len: u32,
    /// Its first child in [`Trie::nodes`].
    children: u32,
    child_count: u32,
    value: u32,
}

/// The trie. Values are small numbers that mean something to the owner.
#[derive(Debug)]
pub(crate) struct Trie {
    nodes: Vec<Node>,
    /// First byte of each node's label, by the node's index.
    firsts: Vec<u8>,
    labels: Vec<u8>,
}

impl Trie {
    /// A trie of these keys, each with its value. Of equal keys the last one's value counts.
    pub(crate) fn new(mut keys: Vec<(Vec<u8>, u32)>) -> Self {
        keys.sort_by(|a, b| a.0.cmp(&b.0));
        let mut trie = Self { nodes: Vec::new(), firsts: Vec::new(), labels: Vec::new() };
        trie.push_node(b"");
        let mut todo = vec![Branch { node: 0, keys: &keys, depth: 0 }];
        while let Some(Branch { node, keys: mut below, depth }) = todo.pop() {
            while let Some(((key, value), rest)) = below.split_first() {
                if key.len() != depth {
                    break;
                }
                if let Some(node) = trie.nodes.get_mut(node) {
                    node.value = *value;
                }
                below = rest;
            }
            let first_child = trie.nodes.len();
            let groups = below.chunk_by(|a, b| a.0.get(depth) == b.0.get(depth));
            for group in groups {
                let (Some((first, _)), Some((last, _))) = (group.first(), group.last()) else { continue };
                // Keys are sorted, so what the first and the last share, all share.
                let shared = first.iter().zip(last).skip(depth).take_while(|(a, b)| a == b).count();
                let child = trie.push_node(first.get(depth..depth + shared).unwrap_or_default());
                todo.push(Branch { node: child, keys: group, depth: depth + shared });
            }
            let count = trie.nodes.len() - first_child;
            if let Some(node) = trie.nodes.get_mut(node) {
                node.children = small(first_child);
                node.child_count = small(count);
            }
        }
        trie
    }

    fn push_node(&mut self, label: &[u8]) -> usize {
        self.nodes.push(Node {
            label: small(self.labels.len()),
            label_len: small(label.len()),
            children: 0,
            child_count: 0,
            value: NOTHING,
        });
        self.firsts.push(label.first().copied().unwrap_or(0));
        self.labels.extend_from_slice(label);
        self.nodes.len() - 1
    }

    /// Every stored key that `key` begins with, from the shortest to the longest: its value and length.
    pub(crate) fn prefixes<K: Key>(&self, key: K) -> Prefixes<'_, K> {
        Prefixes { trie: self, key, node: self.nodes.first(), consumed: 0 }
    }

    /// The value of a stored key that shares the longest beginning with `key`, and the length of that
    /// beginning. For hints: among several it gives any.
    pub(crate) fn nearest<K: Key>(&self, key: K) -> Option<(u32, usize)> {
        let mut node = self.nodes.first()?;
        let mut consumed = 0;
        while let Some(child) = self.child(node, key.byte(consumed)) {
            let label = self.label(child);
            let shared = label.iter().enumerate().take_while(|(i, b)| key.byte(consumed + i) == Some(**b));
            let shared = shared.count();
            consumed += shared;
            node = child;
            if shared < label.len() {
                break;
            }
        }
        // Any key below that node shares as much.
        while node.value == NOTHING {
            node = self.nodes.get(node.children as usize).filter(|_| node.child_count > 0)?;
        }
        Some((node.value, consumed))
    }

    fn label(&self, node: &Node) -> &[u8] {
        let start = node.label as usize;
        self.labels.get(start..start + node.label_len as usize).unwrap_or_default()
    }

    fn child(&self, node: &Node, first: Option<u8>) -> Option<&Node> {
        let start = node.children as usize;
        let firsts = self.firsts.get(start..start + node.child_count as usize)?;
        self.nodes.get(start + memchr::memchr(first?, firsts)?)
    }
}

/// Work that is left while a trie is built: a node, the keys at and below it, and the number of bytes
/// that lead to it.
struct Branch<'k> {
    node: usize,
    keys: &'k [(Vec<u8>, u32)],
    depth: usize,
}

/// An iterator over the stored keys that a key begins with.
pub(crate) struct Prefixes<'t, K> {
    trie: &'t Trie,
    key: K,
    node: Option<&'t Node>,
    consumed: usize,
}

impl<K: Key> Iterator for Prefixes<'_, K> {
    type Item = (u32, usize);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let node = self.node?;
            let found = (node.value != NOTHING).then_some((node.value, self.consumed));
            self.node = self.trie.child(node, self.key.byte(self.consumed)).filter(|child| {
                let label = self.trie.label(child);
                let same = self.key.has(self.consumed, label);
                self.consumed += label.len();
                same
            });
            if found.is_some() {
                return found;
            }
        }
    }
}

/// Sizes come from a configuration that was read into memory; four billion of anything do not fit.
fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trie(keys: &[&str]) -> Trie {
        let number = |(i, key): (usize, &&str)| (key.as_bytes().to_vec(), u32::try_from(i).unwrap());
        Trie::new(keys.iter().enumerate().map(number).collect())
    }

    fn found<K: Key>(trie: &Trie, key: K) -> Vec<u32> {
        trie.prefixes(key).map(|(value, _)| value).collect()
    }

    #[test]
    fn every_prefix_is_found_from_the_shortest() {
        let trie = trie(&["/api/v1", "/", "/api", "/b", "/api/v2", "/apis", ""]);
        assert_eq!(found(&trie, Plain(b"/api/v1/x")), [6, 1, 2, 0]);
        assert_eq!(found(&trie, Plain(b"/apis")), [6, 1, 2, 5]);
        assert_eq!(found(&trie, Plain(b"/ap")), [6, 1]);
        assert_eq!(found(&trie, Plain(b"")), [6]);
        assert_eq!(found(&trie, Plain(b"x")), [6]);
        assert_eq!(found(&trie, Lower(b"/API/V2")), [6, 1, 2, 4]);
    }

    #[test]
    fn lengths_are_those_of_the_stored_keys() {
        let trie = trie(&["/", "/api"]);
        assert_eq!(trie.prefixes(Plain(b"/api/x")).collect::<Vec<_>>(), [(0, 1), (1, 4)]);
    }

    #[test]
    fn keys_can_be_read_from_the_end() {
        let trie = trie(&["tset.bal.", "tset.bal.b."]);
        assert_eq!(found(&trie, Reversed(b"a.b.lab.test")), [0, 1]);
        assert_eq!(found(&trie, Reversed(b"lab.test")), []);
    }

    #[test]
    fn an_empty_trie_finds_nothing() {
        assert_eq!(found(&trie(&[]), Plain(b"/")), []);
        assert_eq!(trie(&[]).nearest(Plain(b"/")), None);
    }

    #[test]
    fn the_nearest_key_shares_the_longest_beginning() {
        let trie = trie(&["/users/list", "/orders"]);
        assert_eq!(trie.nearest(Plain(b"/user")), Some((0, 5)));
        assert_eq!(trie.nearest(Plain(b"/orderz/1")), Some((1, 6)));
    }

    #[test]
    fn thousands_of_nested_keys_do_not_exhaust_the_stack() {
        let key = vec![b'a'; 3_000];
        let keys = (1..=3_000_u32).map(|n| (key[..n as usize].to_vec(), n)).collect();
        let trie = Trie::new(keys);
        assert_eq!(trie.prefixes(Plain(&key)).count(), 3_000);
    }
}
