//! The loop around the pure core: whatever happens becomes a message, whatever is asked for becomes a deed.
//!
//! The first frame is drawn before anything is opened. Nothing in the loop waits for a network: feeds bring
//! batches over one bounded channel. A frame is drawn only when something visible changed, at most sixty times a
//! second; the clock ticks once a second, and not while a simulated world stands still.

mod changes;
mod deeds;

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crossterm::event::Event;
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::clock;
use super::editor::Draft;
use super::errands::Errands;
use super::input::Input;
use super::operations::Operations;
use super::reload::Reload;
use super::session::{Demo, Session, open_demo, open_live};
use super::signals::{Asked, Signals};
use super::surface::{Events, Look, Surface};
use super::terminal::Tty;
use super::wants::{Wants, feed_settings};
use crate::app::key::Key;
use crate::app::{Keymap, Login, Msg, State, project, projection_due, update};
use crate::config::{Config, Options, Paths};
use crate::feeds::{Batch, Clock, Feeds, awaited};
use crate::fleet::{EdgeHost, Fleet, Policy, Severity};
use crate::tui;

/// The shortest time between two frames.
const FRAME: Duration = Duration::from_micros(16_667);
/// How often ages are drawn anew.
const TICK: Duration = Duration::from_secs(1);
/// How often the files in use are looked at.
const FILES: Duration = Duration::from_secs(2);
/// How many batches may wait to be taken in: few, because what waits is held in memory besides the fleet.
const WAITING: usize = 32;

/// What the screen starts from.
pub struct Setup {
    /// An empty fleet.
    pub fleet: Fleet,
    /// The settings.
    pub config: Config,
    /// Where they stand.
    pub config_file: PathBuf,
    /// What the command line says over them.
    pub options: Options,
    /// The program's directories.
    pub paths: Paths,
    /// The edge hosts.
    pub hosts: Vec<EdgeHost>,
    /// The simulated world, if that is wanted.
    pub demo: Option<Demo>,
}

/// Runs the screen until it is left.
pub async fn run(setup: Setup) -> io::Result<()> {
    let demo = setup
        .demo
        .as_ref()
        .map(|demo| open_demo(demo, setup.config.read_only, &setup.paths))
        .transpose()
        .map_err(io::Error::other)?;
    let reload = Reload::new(&setup.config, setup.config_file, setup.paths.clone(), setup.options);
    let reload = reload.map_err(io::Error::other)?;
    let signals = Signals::listen()?;
    let mut state = State::new(setup.fleet, clock::now());
    let keys = configure(&mut state, &setup.config);
    state.themes = reload.themes();
    state.demo = demo.as_ref().map(|_| false);
    let tty = Tty::enter(setup.config.mouse)?;
    let (config, paths, hosts) = (setup.config.clone(), setup.paths, setup.hosts);
    let open = async move {
        match demo {
            Some(session) => session,
            None => open_live(&config, &paths, hosts).await,
        }
    };
    let look = reload.look();
    let mut driver = Driver::new(tty, state, setup.config, look, Some(reload))?;
    if let Some(fault) = keys {
        driver.say(Severity::Warning, fault);
    }
    driver.run(open, Some(signals)).await
}

/// The loop's own state.
pub struct Driver<S> {
    surface: S,
    state: State,
    config: Config,
    look: Look,
    reload: Option<Reload>,
    input: Input,
    clock: Clock,
    session: Option<Session>,
    feeds: Option<Feeds>,
    operations: Option<Operations>,
    errands: Errands,
    wants: Wants,
    /// The edge hosts that are written down.
    listed: Vec<EdgeHost>,
    /// The fleet's revision that the feeds have been told of.
    followed: u64,
    dirty: bool,
    quit: bool,
    suspend: bool,
    login: Option<Login>,
    draft: Option<Draft>,
    drawn_at: Option<Instant>,
}

impl<S: Surface> Driver<S> {
    /// A driver that draws on a surface.
    pub fn new(surface: S, mut state: State, config: Config, look: Look, reload: Option<Reload>) -> io::Result<Self> {
        state.size = surface.size()?;
        Ok(Self {
            surface,
            state,
            config,
            look,
            reload,
            input: Input::default(),
            clock: std::sync::Arc::new(clock::now),
            session: None,
            feeds: None,
            operations: None,
            errands: Errands::default(),
            wants: Wants::default(),
            listed: vec![],
            followed: 0,
            dirty: true,
            quit: false,
            suspend: false,
            login: None,
            draft: None,
            drawn_at: None,
        })
    }

    /// Runs until the screen is left. `open` opens what is looked at, while the screen is up already.
    pub async fn run(mut self, open: impl Future<Output = Session>, mut signals: Option<Signals>) -> io::Result<()> {
        let (tx, mut batches) = mpsc::channel::<Batch>(WAITING);
        let mut tx = Some(tx);
        let mut inbox = Vec::with_capacity(WAITING);
        let mut events = self.surface.events();
        let mut tick = Instant::now() + TICK;
        let mut files = Instant::now() + FILES;
        tokio::pin!(open);
        self.draw()?;
        while !self.quit {
            let frame = self.drawn_at.map_or_else(Instant::now, |at| at + FRAME);
            let project = self.project_at();
            tokio::select! {
                // A frame that is due comes first, so that no flood of messages can starve the screen; then the
                // operator, then the feeds. Each branch is cancel-safe.
                biased;
                () = sleep_until(frame), if self.dirty => self.draw()?,
                event = events.next() => match event {
                    Some(event) => self.take_event(event?),
                    None => return Ok(()),
                },
                asked = next_signal(&mut signals) => match asked {
                    Asked::End => return Ok(()),
                    Asked::Suspend => events = self.suspend(events)?,
                },
                session = &mut open, if tx.is_some() => if let Some(tx) = tx.take() {
                    self.start(session, tx);
                },
                n = batches.recv_many(&mut inbox, WAITING) => {
                    if n == 0 {
                        return Err(io::Error::other("every feed has ended: this is a bug"));
                    }
                    for batch in inbox.drain(..) {
                        self.take(Msg::Observed(batch.at, batch.observations));
                    }
                    self.answer();
                },
                happened = changes::next(&mut self.operations) => self.operated(happened),
                answer = self.errands.next() => self.take(answer),
                () = sleep_until(project.unwrap_or(tick)), if project.is_some() && !self.dirty => self.now(),
                () = sleep_until(tick), if self.ticks() => {
                    tick = Instant::now() + TICK;
                    self.now();
                },
                () = sleep_until(files), if self.reload.is_some() => {
                    files = Instant::now() + FILES;
                    self.look_at_files();
                },
            }
            if std::mem::take(&mut self.suspend) {
                events = self.suspend(events)?;
            }
            let (login, draft) = (self.login.take(), self.draft.take());
            if let Some(login) = login.or_else(|| draft.as_ref().map(Draft::editor)) {
                events = self.lend(events, &login, draft)?;
                if let Some(signals) = &mut signals {
                    signals.forget_interrupts();
                }
            }
        }
        Ok(())
    }

    fn draw(&mut self) -> io::Result<()> {
        project(&mut self.state);
        self.state.fit(tui::heights(&self.state));
        self.surface.draw(&self.state, &self.look)?;
        self.dirty = false;
        self.drawn_at = Some(Instant::now());
        self.follow();
        Ok(())
    }

    /// Whether time alone changes the screen.
    fn ticks(&self) -> bool {
        self.state.demo != Some(true)
    }

    /// When the projection wants to be made anew, for changes that did not ask for it at once.
    fn project_at(&self) -> Option<Instant> {
        let wait = projection_due(&self.state)?.duration_since((self.clock)());
        Some(Instant::now() + Duration::try_from(wait).unwrap_or(Duration::ZERO))
    }

    fn now(&mut self) {
        let now = (self.clock)();
        self.take(Msg::Clock(now));
    }

    fn take_event(&mut self, event: Event) {
        if let Event::Resize(..) = event {
            self.drawn_at = None;
        }
        let state = &self.state;
        if let Some(msg) = self.input.message(event, |column, row| tui::hit(state, column, row)) {
            #[cfg(debug_assertions)]
            panic_on_request(&msg);
            self.take(msg);
        }
    }

    /// Tells the feeds whether somebody looks: while nobody does, they ask less often.
    fn look_away(&self, away: bool) {
        if let Some(feeds) = &self.feeds {
            feeds.focus(!away);
        }
    }

    fn take(&mut self, msg: Msg) {
        if let Msg::Focus(focus) = msg {
            self.look_away(!focus);
        }
        let outcome = update(&mut self.state, msg);
        self.dirty |= outcome.changed;
        for effect in outcome.effects {
            if let Err(error) = self.perform(effect) {
                self.say(Severity::Warning, error.to_string());
            }
        }
    }

    fn say(&mut self, severity: Severity, text: String) {
        self.dirty |= update(&mut self.state, Msg::Say(severity, text)).changed;
    }

    /// Starts the feeds of what has been opened.
    fn start(&mut self, session: Session, tx: mpsc::Sender<Batch>) {
        self.clock = session.clock.clone();
        let faults = session.faults.iter().map(|f| (Severity::Warning, f.to_string()));
        let notes = session.notes.iter().map(|note| (Severity::Info, note.clone()));
        for (severity, text) in notes.chain(faults).collect::<Vec<_>>() {
            self.say(severity, text);
        }
        self.take(Msg::Observed((self.clock)(), awaited(&session.providers)));
        let settings = feed_settings(&self.config.poll, &session);
        let feeds = Feeds::start(session.providers.clone(), settings, session.clock.clone(), tx);
        self.listed.clone_from(&session.hosts);
        feeds.set_hosts(self.listed.clone());
        self.feeds = Some(feeds);
        self.open_operations(&session);
        self.session = Some(session);
        self.now();
    }

    /// Tells the feeds what the fleet wants, when that has changed.
    fn follow(&mut self) {
        let revision = self.state.fleet.revision();
        if let Some(feeds) = self.feeds.as_ref().filter(|_| revision != self.followed) {
            self.wants.tell(feeds, &self.state.view(), &self.listed);
            self.followed = revision;
        }
    }

    fn suspend(&mut self, events: Events) -> io::Result<Events> {
        // A second reader of the terminal would take the shell's keys.
        drop(events);
        self.surface.suspend()?;
        self.take(Msg::Resize(self.surface.size()?.0, self.surface.size()?.1));
        self.dirty = true;
        Ok(self.surface.events())
    }

    /// Gives the terminal to a login until it ends, or to the editor of a text.
    fn lend(&mut self, events: Events, login: &Login, draft: Option<Draft>) -> io::Result<Events> {
        drop(events);
        let ended = self
            .surface
            .lend(login)?
            .map_err(|error| format!("{}: {error}", login.line()));
        match (ended, draft) {
            (ended, Some(draft)) => {
                let text = ended.and_then(|well| match well {
                    true => draft.text().map_err(|error| format!("read what was typed: {error}")),
                    false => Err("your editor has failed; set EDITOR to another".to_owned()),
                });
                self.take(Msg::Edited(text));
            }
            (Err(why), None) => self.say(Severity::Warning, why),
            (Ok(_), None) => {}
        }
        self.take(Msg::Resize(self.surface.size()?.0, self.surface.size()?.1));
        self.dirty = true;
        Ok(self.surface.events())
    }

    fn use_theme(&mut self, name: &str) {
        let Some(reload) = &mut self.reload else { return };
        match reload.use_theme(name) {
            Ok(()) => {
                self.look = reload.look();
                let (names, used) = reload.themes();
                self.take(Msg::Themes(names, used));
                self.dirty = true;
            }
            Err(error) => self.say(Severity::Warning, error),
        }
    }

    fn look_at_files(&mut self) {
        let Some(reload) = &mut self.reload else { return };
        let Some(changed) = reload.look_at_files() else { return };
        match changed {
            Ok(news) => {
                self.look = reload.look();
                let (names, used) = reload.themes();
                let mut fault = None;
                if let Some(config) = news.config {
                    fault = configure(&mut self.state, &config);
                    self.config = config;
                }
                if let (Some(hosts), Some(feeds)) = (news.hosts, &self.feeds) {
                    self.listed = hosts;
                    self.wants.tell(feeds, &self.state.view(), &self.listed);
                }
                self.take(Msg::Themes(names, used));
                match fault {
                    Some(fault) => self.say(Severity::Warning, fault),
                    None => self.say(Severity::Ok, "read the changed files anew".to_owned()),
                }
                self.dirty = true;
            }
            Err(faults) => self.say(Severity::Warning, faults),
        }
    }
}

/// Puts those settings in force that can change while the screen is up; tells what is wrong with the keys.
fn configure(state: &mut State, config: &Config) -> Option<String> {
    state.read_only = config.read_only;
    state.mouse = config.mouse;
    state.reach.clone_from(&config.reach);
    state.fleet.set_policy(Policy {
        price_caps: config.price_caps.clone(),
        protected: config.protected.iter().map(crate::fleet::Glob::new).collect(),
    });
    for (table, columns) in &config.columns {
        state.use_columns(*table, columns);
    }
    let keys: Vec<(&str, Vec<Key>)> = config
        .keys
        .iter()
        .map(|(action, keys)| {
            (
                action.as_str(),
                keys.iter().filter_map(|key| key.parse().ok()).collect(),
            )
        })
        .collect();
    let (keymap, faults) = Keymap::new(keys.iter().map(|(action, keys)| (*action, keys.as_slice())));
    state.keys = keymap;
    faults
        .first()
        .map(|fault| format!("[keys] {}: {}", fault.action, fault.problem))
}

async fn next_signal(signals: &mut Option<Signals>) -> Asked {
    match signals {
        Some(signals) => signals.next().await,
        None => std::future::pending().await,
    }
}

/// Panics at the key that `K3FLEET_PANIC_KEY` names, so that a test can see the terminal given back. Builds for
/// release know nothing of it.
#[cfg(debug_assertions)]
#[expect(clippy::panic, reason = "a panic is what is asked for")]
fn panic_on_request(msg: &Msg) {
    if let (Msg::Key(key), Ok(wanted)) = (msg, std::env::var("K3FLEET_PANIC_KEY"))
        && key.to_string() == wanted
    {
        panic!("{wanted} was pressed, and K3FLEET_PANIC_KEY asks for a panic");
    }
}
