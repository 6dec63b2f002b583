//! Keys in the view of a cluster's tokens, and what comes back of what is asked.

use smol_str::SmolStr;

use super::{Token, TokenMade, TokensView, ttl};
use crate::app::Effect;
use crate::app::asking::{About, Asking};
use crate::app::changes::READ_ONLY;
use crate::app::form::{Form, FormField};
use crate::app::joining::{context, no_context};
use crate::app::key::{Key, KeyCode};
use crate::app::overlay::Overlay;
use crate::app::update::Turn;
use crate::fleet::{ClusterId, ContextId, Role, Severity};
use crate::ops::Request;
use crate::ops::tokens::{Roll, Tokens};

/// How many agents restart at once.
const WAVE: usize = 3;

impl Turn<'_> {
    pub(in crate::app) fn open_tokens(&mut self) {
        let Some(cluster) = self.cluster_here() else { return };
        self.effect(Effect::Tokens(Box::new(Roll::of(&self.state.fleet, &cluster))));
        self.push(Overlay::Tokens(Box::new(TokensView {
            cluster,
            told: None,
            cursor: 0,
            deleting: None,
        })));
    }

    fn tokens_view(&mut self) -> Option<&mut TokensView> {
        self.state.overlays.iter_mut().find_map(|overlay| match overlay {
            Overlay::Tokens(view) => Some(&mut **view),
            _ => None,
        })
    }

    /// Takes in what is known of a cluster's tokens.
    pub(in crate::app) fn tokens_told(&mut self, told: Box<Tokens>) {
        let Some(view) = self.tokens_view().filter(|view| view.cluster == told.cluster) else {
            return;
        };
        view.told = Some(told);
        view.cursor = view.cursor.min(view.tokens().len().saturating_sub(1));
        self.touch();
    }

    /// Asks anew. What was known stays until it has told.
    fn ask_tokens(&mut self) {
        let Some(view) = self.tokens_view() else { return };
        let cluster = view.cluster.clone();
        self.effect(Effect::Tokens(Box::new(Roll::of(&self.state.fleet, &cluster))));
        self.say(Severity::Info, "asking again");
    }

    /// A key in the view; gives whether it was one of its own.
    pub(in crate::app) fn tokens_key(&mut self, key: Key) -> bool {
        let Some(Overlay::Tokens(view)) = self.state.overlays.last_mut() else {
            return false;
        };
        if let Some(id) = view.deleting.take() {
            self.touch();
            if key == Key::char('y') || key.code() == KeyCode::Enter {
                self.delete_token(id);
            }
            return true;
        }
        match (key.code(), key.text()) {
            (KeyCode::Enter, _) | (_, Some('r')) => self.rotate_here(),
            (_, Some('n')) => self.open_new_token(),
            (KeyCode::Char('d'), _) if key.has_ctrl() => self.ask_delete_token(),
            (KeyCode::Char('r'), _) if key.has_ctrl() => self.ask_tokens(),
            _ => return false,
        }
        true
    }

    /// From the token under the cursor to the plan that changes it.
    pub(in crate::app) fn rotate_here(&mut self) {
        let Some(Overlay::Tokens(view)) = self.state.overlays.last() else {
            return;
        };
        match view.here() {
            Some(Token::Kind(kind)) => self.plan_rotation(kind),
            Some(Token::Bootstrap(_)) => self.say(
                Severity::Info,
                "a bootstrap token is not changed: make another, and delete this one",
            ),
            None => self.say(Severity::Info, "the tokens are not known yet"),
        }
    }

    fn plan_rotation(&mut self, kind: Role) {
        let known = self.tokens_view().and_then(|view| view.known());
        let Some(rotation) = known.map(|told| told.rotation(kind, false, WAVE)) else {
            return;
        };
        let request = Request::Rotate(Box::new(rotation));
        self.show_plan(request);
    }

    fn open_new_token(&mut self) {
        if self.state.read_only {
            return self.say(Severity::Warning, READ_ONLY);
        }
        let Some(Overlay::Tokens(view)) = self.state.overlays.last() else {
            return;
        };
        let cluster = view.cluster.clone();
        let Some(context) = context(self.state, &cluster) else {
            return self.say(Severity::Warning, no_context(&cluster));
        };
        let form = Form::new(vec![
            FormField::value("ttl", "good for", "24h"),
            FormField::text("description", "what for", ""),
        ]);
        let mut asking = Asking::new(About::NewToken(cluster, context), form);
        asking.notes = vec!["it joins agents, and nothing else".to_owned()];
        self.ask(asking);
    }

    pub(in crate::app) fn make_token(&mut self, cluster: ClusterId, context: ContextId, form: &Form) {
        let Some(ttl) = ttl(form.value("ttl")) else { return };
        let expires_at = ttl.and_then(|ttl| self.state.now.checked_add(ttl).ok());
        if let Some(Overlay::Form(asking)) = self.state.overlays.last_mut() {
            asking.waiting = Some("making the token".to_owned());
        }
        self.touch();
        self.effect(Effect::MakeToken {
            cluster,
            context,
            expires_at,
            description: form.value("description").to_owned(),
        });
    }

    /// Shows a token that was made, this once.
    pub(in crate::app) fn token_made(&mut self, made: Result<TokenMade, String>) {
        let open =
            matches!(self.state.overlays.last(), Some(Overlay::Form(a)) if matches!(a.about, About::NewToken(..)));
        match made {
            Ok(made) => {
                if open {
                    self.close();
                }
                self.push(Overlay::TokenMade(Box::new(made)));
                self.ask_tokens();
            }
            Err(why) if open => self.form_refused(why),
            Err(why) => self.say(Severity::Warning, why),
        }
    }

    /// Copies the token that is shown.
    pub(in crate::app) fn copy_token(&mut self) {
        if let Some(Overlay::TokenMade(made)) = self.state.overlays.last() {
            let token = made.token.clone();
            self.effect(Effect::CopySecret(token));
        }
    }

    fn ask_delete_token(&mut self) {
        if self.state.read_only {
            return self.say(Severity::Warning, READ_ONLY);
        }
        let Some(Overlay::Tokens(view)) = self.state.overlays.last_mut() else {
            return;
        };
        match view.here() {
            Some(Token::Bootstrap(id)) => {
                view.deleting = Some(id);
                self.touch();
            }
            Some(Token::Kind(_)) => self.say(
                Severity::Info,
                "it is the cluster's own: it can be changed, not deleted",
            ),
            None => {}
        }
    }

    fn delete_token(&mut self, id: SmolStr) {
        let Some(Overlay::Tokens(view)) = self.state.overlays.last() else {
            return;
        };
        let cluster = view.cluster.clone();
        match context(self.state, &cluster) {
            Some(context) => self.effect(Effect::DeleteToken { cluster, context, id }),
            None => self.say(Severity::Warning, no_context(&cluster)),
        }
    }

    /// Takes in that a bootstrap token was deleted, or why not.
    pub(in crate::app) fn token_gone(&mut self, id: &str, outcome: Result<(), String>) {
        match outcome {
            Ok(()) => {
                self.say(Severity::Ok, format!("the bootstrap token {id} is deleted"));
                self.ask_tokens();
            }
            Err(why) => self.say(Severity::Warning, why),
        }
    }
}
