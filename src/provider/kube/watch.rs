//! An endless stream of changes, by the best way the server allows.
//!
//! ```text
//!            offered                     listed
//! Unlisted ──────────▶ Streaming ───────────────────▶ Watching ◀─▶ Listed (resumes from the last version)
//!    │ refused                                            ▲          │
//!    └───────────────▶ Paging ──────────▶ Listed ─────────┘          │ expired: Unlisted again
//!                         ▲                  │ watching denied       ▼
//!                         └──── a pause ◀────┘ (then only what differs from the last listing is told)
//! ```
//! A streaming list is a watch that begins with what there is; where it is refused, pages are listed and then
//! watched from. A listing is told between [`Change::Listing`] and [`Change::Listed`], so that nothing is blanked
//! meanwhile. A failure is told, and after a pause the stream goes on where it was.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;

use kube::api::WatchParams;
use kube::core::Request;
use smol_str::SmolStr;

use super::decode::{self, Event, Object, Refusal};
use super::error::{Call, Trouble, explain};
use super::link::{Body, Line, Link};
use super::list::{self, Place};
use super::pace::Backoff;
use crate::provider::{Change, Result, WatchStream};

/// How often it is listed where watching is denied before watching is tried again.
const POLLS_PER_TRY: u32 = 20;

/// The changes of one kind of object, for ever.
pub(super) fn watch<T: Object>(link: Arc<Link>) -> WatchStream<T> {
    let watcher = Watcher::new(link);
    Box::pin(futures::stream::unfold(watcher, |mut watcher| async move {
        let change = watcher.next().await;
        Some((change, watcher))
    }))
}

/// Where the watcher stands.
enum State {
    /// A listing is due.
    Unlisted,
    /// A streaming list comes in.
    Streaming(Body),
    /// A page is due.
    Paging(Place),
    /// All is told up to `version`; a watch from there is due.
    Listed,
    /// A watch comes in; `heard` once it has said anything.
    Watching { body: Body, heard: bool },
}

struct Watcher<T> {
    link: Arc<Link>,
    state: State,
    /// What is to be told.
    ready: VecDeque<Result<Change<T>>>,
    /// Before the next step.
    pause: Option<Duration>,
    backoff: Backoff,
    /// A line or a page.
    buffer: Vec<u8>,
    /// The resource version up to which all is told; empty before the first listing.
    version: SmolStr,
    /// Whether the server may offer streaming lists.
    streaming: bool,
    /// Listings still to be made before watching is tried again.
    polls: u32,
    told: Told,
}

/// What paged listings have told, by name, so that polling tells only differences.
#[derive(Default)]
struct Told {
    /// Whether `hashes` are whole, and nothing has been told since.
    whole: bool,
    hashes: HashMap<SmolStr, u64>,
    /// The names in the listing under way.
    listed: HashSet<SmolStr>,
}

impl<T: Object> Watcher<T> {
    fn new(link: Arc<Link>) -> Self {
        Self {
            backoff: Backoff::new(link.pace()),
            link,
            state: State::Unlisted,
            ready: VecDeque::new(),
            pause: None,
            buffer: Vec::new(),
            version: SmolStr::default(),
            streaming: true,
            polls: 0,
            told: Told::default(),
        }
    }

    async fn next(&mut self) -> Result<Change<T>> {
        loop {
            if let Some(change) = self.ready.pop_front() {
                return change;
            }
            if let Some(pause) = self.pause.take() {
                tokio::time::sleep(pause).await;
            }
            self.state = match std::mem::replace(&mut self.state, State::Unlisted) {
                State::Unlisted if self.streaming => self.open_streaming().await,
                State::Unlisted => self.page(Place::Start).await,
                State::Streaming(body) => self.stream(body).await,
                State::Paging(place) => self.page(place).await,
                State::Listed => self.open_watch().await,
                State::Watching { body, heard } => self.follow(body, heard).await,
            };
        }
    }

    fn tell(&mut self, change: Change<T>) {
        self.ready.push_back(Ok(change));
    }

    fn fail(&mut self, call: Call, trouble: Trouble) {
        self.ready.push_back(Err(explain(trouble, call, self.link.context())));
        self.pause = Some(self.backoff.next());
    }

    async fn open_streaming(&mut self) -> State {
        // At first whatever the server has at hand; later nothing older than what was told.
        let version = if self.version.is_empty() { "0" } else { "" };
        match open::<T>(&self.link, true, version).await {
            Ok(body) => {
                self.tell(Change::Listing);
                State::Streaming(body)
            }
            Err(trouble) if matches!(trouble.code(), Some(400 | 403 | 404 | 405 | 422)) => {
                self.streaming = false;
                State::Unlisted
            }
            Err(trouble) => {
                self.fail(watch_call::<T>(), trouble);
                State::Unlisted
            }
        }
    }

    async fn stream(&mut self, mut body: Body) -> State {
        match body.line(&mut self.buffer, self.link.pace().stall).await {
            Line::Whole => {}
            Line::End => {
                let ended = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
                self.fail(watch_call::<T>(), Trouble::Cut(ended));
                return State::Unlisted;
            }
            // An old server takes this for an ordinary watch and never ends the listing.
            Line::Silence => {
                self.streaming = false;
                return State::Unlisted;
            }
        }
        match decode::event(&self.buffer, &self.link.context().id) {
            Ok(Event::Is(object, _)) => self.tell(Change::Is(object)),
            Ok(Event::Gone(name, _)) => self.tell(Change::Gone(name)),
            Ok(Event::Bookmark { version, listed: true }) => {
                self.version = version;
                self.backoff.reset();
                self.tell(Change::Listed);
                return State::Watching { body, heard: true };
            }
            Ok(Event::Bookmark { .. }) => {}
            Ok(Event::Refused(refusal)) => {
                self.fail(watch_call::<T>(), Trouble::Refused(refusal));
                return State::Unlisted;
            }
            // Without this object the listing would say that it is gone.
            Err(error) => {
                self.fail(watch_call::<T>(), Trouble::Malformed(error));
                return State::Unlisted;
            }
        }
        State::Streaming(body)
    }

    async fn page(&mut self, place: Place) -> State {
        let page = match list::page::<T>(&self.link, None, &place, &mut self.buffer).await {
            Ok(page) => page,
            Err(trouble) if trouble.code() == Some(410) && matches!(place, Place::After(_)) => {
                return State::Paging(Place::Whole);
            }
            Err(trouble) => {
                self.fail(list::call::<T>(), trouble);
                return State::Unlisted;
            }
        };
        if !matches!(place, Place::After(_)) {
            self.told.listed.clear();
            if !self.told.whole {
                self.told.hashes.clear();
                self.tell(Change::Listing);
            }
        }
        for object in page.items {
            self.told.listed.insert(object.name().clone());
            let mut hasher = DefaultHasher::new();
            object.hash(&mut hasher);
            let hash = hasher.finish();
            if self.told.hashes.insert(object.name().clone(), hash) != Some(hash) {
                self.tell(Change::Is(object));
            }
        }
        if !page.next.is_empty() {
            return State::Paging(Place::After(page.next));
        }
        self.version = page.version;
        self.backoff.reset();
        self.end_of_pages()
    }

    fn end_of_pages(&mut self) -> State {
        // A page is as long as hundreds of lines: what follows does not need so much.
        self.buffer = Vec::new();
        if self.told.whole {
            let Told { hashes, listed, .. } = &mut self.told;
            let gone = hashes.extract_if(|name, _| !listed.contains(name));
            self.ready.extend(gone.map(|(name, _)| Ok(Change::Gone(name))));
            // Changes of earlier pages may have been taken already; that it is alive is true all the same.
            if self.ready.is_empty() {
                self.tell(Change::Alive);
            }
        } else {
            self.told.whole = true;
            self.tell(Change::Listed);
        }
        if self.polls > 0 {
            self.polls -= 1;
            self.pause = Some(self.link.pace().poll);
            State::Unlisted
        } else {
            State::Listed
        }
    }

    async fn open_watch(&mut self) -> State {
        match open::<T>(&self.link, false, &self.version).await {
            Ok(body) => {
                self.told = Told::default();
                self.tell(Change::Alive);
                State::Watching { body, heard: false }
            }
            Err(trouble) if trouble.code() == Some(403) => {
                let (context, resource) = (&self.link.context().id, T::RESOURCE);
                tracing::warn!(%context, resource, "watching is denied: listing now and then instead");
                self.polls = POLLS_PER_TRY;
                self.pause = Some(self.link.pace().poll);
                State::Unlisted
            }
            Err(Trouble::Refused(refusal)) => self.refused(refusal, false),
            Err(trouble) => {
                self.fail(watch_call::<T>(), trouble);
                State::Listed
            }
        }
    }

    async fn follow(&mut self, mut body: Body, heard: bool) -> State {
        match body.line(&mut self.buffer, self.link.pace().silence).await {
            Line::Whole => {}
            Line::End => {
                // A server ends a watch when its time is over; one that ends it at once gets a pause.
                if !heard {
                    self.pause = Some(self.backoff.next());
                }
                return State::Listed;
            }
            Line::Silence => return State::Listed,
        }
        let (change, version) = match decode::event(&self.buffer, &self.link.context().id) {
            Ok(Event::Is(object, version)) => (Change::Is(object), version),
            Ok(Event::Gone(name, version)) => (Change::Gone(name), version),
            Ok(Event::Bookmark { version, .. }) => (Change::Alive, version),
            Ok(Event::Refused(refusal)) => return self.refused(refusal, heard),
            Err(error) => {
                self.fail(watch_call::<T>(), Trouble::Malformed(error));
                return State::Watching { body, heard };
            }
        };
        self.version = version;
        self.backoff.reset();
        self.tell(change);
        State::Watching { body, heard: true }
    }

    /// A version that the server no longer has (or, after a restore, does not have yet) needs a new listing.
    fn refused(&mut self, refusal: Refusal, heard: bool) -> State {
        if refusal.code == 410 {
            if !heard {
                self.pause = Some(self.backoff.next());
            }
            return State::Unlisted;
        }
        let unknown = matches!(refusal.code, 400 | 422) || refusal.message.contains("Too large resource version");
        self.fail(watch_call::<T>(), Trouble::Refused(refusal));
        if unknown { State::Unlisted } else { State::Listed }
    }
}

fn watch_call<T: Object>() -> Call {
    Call::new("watch", "", T::RESOURCE)
}

/// Opens a watch from a version on; a streaming one tells first what there is.
async fn open<T: Object>(link: &Link, streaming: bool, version: &str) -> std::result::Result<Body, Trouble> {
    let params = WatchParams {
        bookmarks: true,
        send_initial_events: streaming,
        // Spread, so that a fleet's watches do not all end at once.
        timeout: Some(fastrand::u32(240..290)),
        ..WatchParams::default()
    };
    let path = Request::new(format!("/api/v1/{}", T::RESOURCE));
    let request = path.watch(&params, version).map_err(kube::Error::BuildRequest)?;
    link.open(watch_call::<T>(), request).await
}
