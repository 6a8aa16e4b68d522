//! The tree of tokens: which tokens are cancelled with which.
//!
//! The tokens that descend from one root are nodes of one slab under one lock. Nodes refer to each
//! other by keys, so a long chain is cancelled and dropped without recursion. A token that is
//! dropped frees its slot at once, and its children become children of its parent.
//!
//! Only tokens that are not cancelled are linked: a cancel unlinks the whole subtree. The lock of a
//! flag may be taken under the lock of the tree, but not in the other order. No user code runs
//! under either lock.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use crate::primitive;
use crate::slots::{Key, Slots};
use crate::sync::watchers::{WatcherSlot, Watchers};

/// Whether a token is cancelled, and the tasks that wait for that.
type Flag = Watchers<bool>;

/// What all clones of one token share. Dropping it removes the token from its tree.
pub(super) struct TokenRef {
    tree: Arc<Mutex<Nodes>>,
    key: Key,
    flag: Arc<Flag>,
}

impl TokenRef {
    /// A token without a parent.
    pub(super) fn root() -> Self {
        TokenRef::new(Arc::new(Mutex::new(Nodes(Slots::new()))), None)
    }

    /// A token that is cancelled with this one.
    pub(super) fn child(&self) -> Self {
        TokenRef::new(Arc::clone(&self.tree), Some(self))
    }

    fn new(tree: Arc<Mutex<Nodes>>, parent: Option<&TokenRef>) -> Self {
        let mut nodes = lock(&tree);
        // Under the lock: a cancel of the parent either finds the child in the tree, or is seen
        // here.
        let is_cancelled = parent.is_some_and(TokenRef::is_cancelled);
        let flag = Arc::new(Flag::new(is_cancelled));
        let key = nodes.0.insert(Node::new(Arc::clone(&flag)));
        if let Some(parent) = parent
            && !is_cancelled
        {
            nodes.link(parent.key, key);
        }
        drop(nodes);
        TokenRef { tree, key, flag }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.flag.with(|is_cancelled| *is_cancelled)
    }

    /// Cancels this token and all its descendants, and wakes the tasks that wait for them.
    pub(super) fn cancel(&self) {
        let mut nodes = lock(&self.tree);
        nodes.unlink(self.key);
        let mut subtree = vec![self.key];
        let mut woken = Vec::new();
        let mut next = 0;
        while let Some(&key) = subtree.get(next) {
            let flag = &nodes.get(key).flag;
            woken.push(flag.change_if(|is_cancelled| !mem::replace(is_cancelled, true)));
            nodes.take_children(key, &mut subtree);
            next += 1;
        }
        drop(nodes);
        for wakes in woken {
            wakes.wake();
        }
    }

    pub(super) fn poll_cancelled(&self, place: &mut WatcherSlot, cx: &Context<'_>) -> Poll<()> {
        let what = &"a cancellation (CancellationToken)";
        self.flag
            .poll(cx, what, place, |is_cancelled| is_cancelled.then_some(()))
    }

    pub(super) fn leave(&self, place: &mut WatcherSlot) {
        self.flag.cancel(place);
    }
}

impl Drop for TokenRef {
    fn drop(&mut self) {
        lock(&self.tree).remove(self.key);
    }
}

fn lock(tree: &Mutex<Nodes>) -> MutexGuard<'_, Nodes> {
    primitive::lock(tree)
}

/// The tokens of one root.
struct Nodes(Slots<Node>);

/// A token. Its children form a list that is linked through their nodes.
struct Node {
    // The `TokenRef` refers to it too and lives longer, so removing a node drops no waker.
    flag: Arc<Flag>,
    parent: Option<Key>,
    first_child: Option<Key>,
    last_child: Option<Key>,
    previous: Option<Key>,
    next: Option<Key>,
}

impl Node {
    fn new(flag: Arc<Flag>) -> Self {
        Node {
            flag,
            parent: None,
            first_child: None,
            last_child: None,
            previous: None,
            next: None,
        }
    }
}

impl Nodes {
    fn get(&self, key: Key) -> &Node {
        self.0
            .get(key)
            .expect("a node is unlinked before it is removed")
    }

    fn get_mut(&mut self, key: Key) -> &mut Node {
        self.0
            .get_mut(key)
            .expect("a node is unlinked before it is removed")
    }

    /// Makes a node without parent the last child of `parent`.
    fn link(&mut self, parent: Key, child: Key) {
        let last = self.get_mut(parent).last_child.replace(child);
        match last {
            Some(last) => self.get_mut(last).next = Some(child),
            None => self.get_mut(parent).first_child = Some(child),
        }
        let child = self.get_mut(child);
        child.parent = Some(parent);
        child.previous = last;
    }

    /// Removes a node from its parent. Its children stay with it.
    fn unlink(&mut self, key: Key) {
        let node = self.get_mut(key);
        let (previous, next) = (node.previous.take(), node.next.take());
        let Some(parent) = node.parent.take() else {
            return;
        };
        match previous {
            Some(previous) => self.get_mut(previous).next = next,
            None => self.get_mut(parent).first_child = next,
        }
        match next {
            Some(next) => self.get_mut(next).previous = previous,
            None => self.get_mut(parent).last_child = previous,
        }
    }

    /// Removes all children from a node and appends them to `children`.
    fn take_children(&mut self, key: Key, children: &mut Vec<Key>) {
        let node = self.get_mut(key);
        node.last_child = None;
        let mut next = node.first_child.take();
        while let Some(key) = next {
            let child = self.get_mut(key);
            child.parent = None;
            child.previous = None;
            next = child.next.take();
            children.push(key);
        }
    }

    /// Removes a node and gives its children to its parent.
    fn remove(&mut self, key: Key) {
        let mut children = Vec::new();
        self.take_children(key, &mut children);
        if let Some(parent) = self.get(key).parent {
            for child in children {
                self.link(parent, child);
            }
        }
        self.unlink(key);
        self.0.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_that_are_dropped_leave_nothing_in_their_tree() {
        let root = TokenRef::root();
        let nodes = || lock(&root.tree).0.len();
        for _ in 0..100 {
            let child = root.child();
            let grandchild = child.child();
            drop(child);
            assert_eq!(lock(&root.tree).get(grandchild.key).parent, Some(root.key));
            drop(grandchild);
        }
        assert_eq!(nodes(), 1);
        let mut descendant = root.child();
        for _ in 0..100 {
            descendant = descendant.child();
        }
        assert_eq!(nodes(), 2);
        drop(descendant);
        assert_eq!(nodes(), 1);
        assert_eq!(lock(&root.tree).get(root.key).first_child, None);
    }

    #[test]
    fn a_dropped_token_hands_its_children_on_in_order() {
        let root = TokenRef::root();
        let [first, middle, last] = [root.child(), root.child(), root.child()];
        let inner: Vec<TokenRef> = (0..3).map(|_| middle.child()).collect();
        drop(middle);
        let mut children = Vec::new();
        lock(&root.tree).take_children(root.key, &mut children);
        let expected = [&first, &last].into_iter().chain(&inner);
        assert_eq!(children, expected.map(|m| m.key).collect::<Vec<_>>());
    }
}
