//! A frame at 10,000 machines and 20,000 pods, 200 columns by 60 rows: every screen as it is drawn, and a keystroke
//! from the key to the drawn frame. `cargo bench --bench frame`.

mod common;

use std::hint::black_box;
use std::time::{Duration, Instant};

use common::{fleet, now};
use criterion::{Criterion, criterion_group, criterion_main};
use jiff::SignedDuration;
use k3fleet::app::key::Key;
use k3fleet::app::{Msg, Screen, State, project, update};
use k3fleet::tui;
use k3fleet::tui::glyphs::Glyphs;
use k3fleet::tui::theme::Theme;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

const MACHINES: usize = 10_000;
const PODS: usize = 20_000;
const SIZE: (u16, u16) = (200, 60);

/// What the driver does before it draws.
fn settle(state: &mut State) {
    project(state);
    state.fit(tui::heights(state));
}

fn press(state: &mut State, keys: &str) {
    for key in keys.split_whitespace().filter_map(|key| key.parse().ok()) {
        update(state, Msg::Key(key));
        settle(state);
    }
}

fn state() -> State {
    let mut state = State::new(fleet(MACHINES, PODS), now());
    update(&mut state, Msg::Resize(SIZE.0, SIZE.1));
    settle(&mut state);
    state
}

fn frames(c: &mut Criterion) {
    let mut group = c.benchmark_group("frame");
    let mut state = state();
    let (theme, glyphs) = (Theme::default(), Glyphs::UNICODE);
    let Ok(mut terminal) = Terminal::new(TestBackend::new(SIZE.0, SIZE.1));
    let mut measure = |name: &str, state: &State| {
        group.bench_function(name, |b| {
            b.iter(|| {
                let drawn = terminal.draw(|frame| tui::draw(frame, black_box(state), &theme, &glyphs));
                drawn.is_ok()
            });
        });
    };
    for screen in Screen::ALL {
        press(&mut state, &screen.number().to_string());
        measure(screen.title(), &state);
    }
    press(&mut state, "2 shift-g");
    measure("Machines, at the end", &state);
    press(&mut state, "g d");
    measure("Machines, described", &state);
    press(&mut state, "esc ?");
    measure("Machines, with the help", &state);
    group.finish();
}

fn keystrokes(c: &mut Criterion) {
    let mut group = c.benchmark_group("keystroke to frame");
    group.sample_size(40);
    let (theme, glyphs) = (Theme::default(), Glyphs::UNICODE);
    let Ok(mut terminal) = Terminal::new(TestBackend::new(SIZE.0, SIZE.1));
    let mut answer = |state: &mut State, key: Key| {
        update(state, Msg::Key(key));
        settle(state);
        let drawn = terminal.draw(|frame| tui::draw(frame, state, &theme, &glyphs));
        drawn.is_ok()
    };
    let mut measure = |name: &str, before: &str, keys: [Key; 2]| {
        let mut state = state();
        press(&mut state, before);
        let mut turn = 0;
        group.bench_function(name, |b| {
            b.iter(|| {
                turn = (turn + 1) % 2;
                answer(&mut state, keys[turn])
            });
        });
        // The same with every key pressed just after the fleet was counted, so that nothing is ready.
        group.bench_function(format!("{name}, just counted"), |b| {
            b.iter_custom(|times| {
                let mut taken = Duration::ZERO;
                for _ in 0..times {
                    let later = state.now + SignedDuration::from_mins(2);
                    update(&mut state, Msg::Clock(later));
                    settle(&mut state);
                    turn = (turn + 1) % 2;
                    let start = Instant::now();
                    black_box(answer(&mut state, keys[turn]));
                    taken += start.elapsed();
                }
                taken
            });
        });
    };
    let backspace = Key::from(k3fleet::app::key::KeyCode::Backspace);
    measure("cursor down and up", "2", [Key::char('j'), Key::char('k')]);
    measure("a letter of a filter", "2 / s p o", [Key::char('t'), backspace]);
    measure(
        "a digit of a filter",
        "2 / p r i c e > 0 . 0",
        [Key::char('3'), backspace],
    );
    measure("sorted by another column", "2", [Key::char('N'), Key::char('Z')]);
    measure("the order turned round", "2 shift-n", [Key::char('O'), Key::char('O')]);
    group.finish();
}

criterion_group!(benches, frames, keystrokes);
criterion_main!(benches);
