//! The whole program but for the terminal: the driver over the simulated world, drawing on a buffer, under paused
//! time. A test lets time pass, presses keys and reads the screen.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use futures::stream;
use k3fleet::app::{Login, State};
use k3fleet::config::Config;
use k3fleet::fleet::Fleet;
use k3fleet::provider::sim::{Scenario, World};
use k3fleet::runtime::driver::Driver;
use k3fleet::runtime::session::Session;
use k3fleet::runtime::surface::{Events, Look, Surface};
use k3fleet::tui;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// When simulated worlds begin.
pub(crate) const START: &str = "2026-03-02T09:00:00Z";

/// What an operator makes of a text in the editor.
pub(crate) type Edit = fn(&str) -> String;

/// What has been drawn.
#[derive(Default)]
struct Drawn {
    buffer: Buffer,
    frames: usize,
    copied: Vec<String>,
    edits: Vec<Edit>,
}

/// A surface without a terminal.
struct Paper {
    terminal: Terminal<TestBackend>,
    drawn: Arc<Mutex<Drawn>>,
    events: Arc<tokio::sync::Mutex<mpsc::Receiver<Event>>>,
}

impl Surface for Paper {
    fn events(&mut self) -> Events {
        let events = Arc::clone(&self.events);
        Box::pin(stream::unfold(events, |events| async move {
            let event = events.lock().await.recv().await?;
            Some((Ok(event), events))
        }))
    }

    fn draw(&mut self, state: &State, look: &Look) -> io::Result<()> {
        let (columns, rows) = state.size;
        self.terminal.backend_mut().resize(columns, rows);
        self.terminal
            .draw(|frame| tui::draw(frame, state, &look.theme, &look.glyphs))
            .unwrap();
        let mut drawn = self.drawn.lock().unwrap();
        drawn.buffer = self.terminal.backend().buffer().clone();
        drawn.frames += 1;
        Ok(())
    }

    fn size(&self) -> io::Result<(u16, u16)> {
        let area = self.terminal.backend().buffer().area;
        Ok((area.width, area.height))
    }

    fn clear(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn mouse(&mut self, _on: bool) -> io::Result<()> {
        Ok(())
    }

    fn lend(&mut self, login: &Login) -> io::Result<io::Result<bool>> {
        let edit = self.drawn.lock().unwrap().edits.pop();
        if let (Some(edit), Some(file)) = (edit, login.args.last()) {
            let text = std::fs::read_to_string(file)?;
            std::fs::write(file, edit(&text))?;
        }
        Ok(Ok(true))
    }

    fn copy(&mut self, text: &str) -> io::Result<()> {
        self.drawn.lock().unwrap().copied.push(text.to_owned());
        Ok(())
    }

    fn suspend(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A running screen.
pub(crate) struct Rig {
    drawn: Arc<Mutex<Drawn>>,
    keys: mpsc::Sender<Event>,
    driver: JoinHandle<io::Result<()>>,
    _journals: tempfile::TempDir,
}

impl Rig {
    /// The screen over a scenario. Must be called under paused time.
    pub(crate) fn start(scenario: &Scenario, columns: u16, rows: u16, look: Look) -> Self {
        let start = START.parse().unwrap();
        let world = World::load(scenario, 1, start, 1.0);
        let clock = Arc::clone(&world);
        let journals = tempfile::tempdir().unwrap();
        let session = Session {
            providers: world.providers(),
            control: world.control(),
            journals: journals.path().to_owned(),
            kubeconfigs: journals.path().join("kubeconfigs"),
            servers: Default::default(),
            kept: Default::default(),
            hosts: world.edge_hosts(),
            clock: Arc::new(move || clock.now()),
            speed: 1.0,
            world: Some(world),
            tunnels: None,
            faults: vec![],
            notes: vec![],
        };
        let drawn = Arc::new(Mutex::new(Drawn::default()));
        let (keys, events) = mpsc::channel(64);
        let terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
        let paper = Paper {
            terminal,
            drawn: Arc::clone(&drawn),
            events: Arc::new(tokio::sync::Mutex::new(events)),
        };
        let mut state = State::new(Fleet::default(), start);
        state.demo = Some(false);
        let driver = Driver::new(paper, state, Config::default(), look, None).unwrap();
        let driver = tokio::spawn(driver.run(async { session }, None));
        Self {
            drawn,
            keys,
            driver,
            _journals: journals,
        }
    }

    /// The built-in demo.
    pub(crate) fn demo(columns: u16, rows: u16, look: Look) -> Self {
        Self::start(&Scenario::demo().unwrap(), columns, rows, look)
    }

    /// What the operator will do in the editor when it is opened next; what is said first is done first.
    pub(crate) fn will_edit(&self, edits: &[Edit]) {
        self.drawn.lock().unwrap().edits = edits.iter().rev().copied().collect();
    }

    /// Lets time pass.
    pub(crate) async fn pass(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    /// Presses keys, each a character, and lets the screen answer.
    pub(crate) async fn press(&self, keys: &str) {
        for c in keys.chars() {
            let code = match c {
                '\n' => KeyCode::Enter,
                '\t' => KeyCode::Tab,
                '\u{1b}' => KeyCode::Esc,
                c => KeyCode::Char(c),
            };
            self.send(Event::Key(KeyEvent::new(code, KeyModifiers::NONE))).await;
        }
    }

    /// Presses a key with modifiers, or one that is no character.
    pub(crate) async fn press_key(&self, code: KeyCode, modifiers: KeyModifiers) {
        self.send(Event::Key(KeyEvent::new(code, modifiers))).await;
    }

    /// Sends an event and lets the screen answer.
    pub(crate) async fn send(&self, event: Event) {
        self.keys.send(event).await.unwrap();
        tokio::time::sleep(Duration::from_millis(40)).await;
    }

    /// The last frame.
    pub(crate) fn buffer(&self) -> Buffer {
        self.drawn.lock().unwrap().buffer.clone()
    }

    /// The last frame's text.
    pub(crate) fn text(&self) -> String {
        let buffer = self.buffer();
        let width = usize::from(buffer.area.width).max(1);
        let row = |cells: &[ratatui::buffer::Cell]| cells.iter().map(|c| c.symbol()).collect::<String>();
        buffer
            .content()
            .chunks(width)
            .map(|cells| row(cells).trim_end().to_owned() + "\n")
            .collect()
    }

    /// How many frames have been drawn.
    pub(crate) fn frames(&self) -> usize {
        self.drawn.lock().unwrap().frames
    }

    /// Waits at most so many seconds until the screen shows a text.
    pub(crate) async fn wait_for(&self, text: &str, seconds: u64) {
        for _ in 0..seconds * 4 {
            if self.text().contains(text) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        panic!("waited {seconds} s in vain for {text:?}; the screen:\n{}", self.text());
    }

    /// How the driver ended.
    pub(crate) async fn end(self) -> io::Result<()> {
        self.driver.await.unwrap()
    }
}
