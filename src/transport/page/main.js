// The page begins here: it shows who is signed in their chats, and everybody else the way in.
import { Session } from './session.js';
import { Shell } from './view-shell.js';
import { SignInView } from './view-sign-in.js';

const app = /** @type {HTMLElement} */ (document.getElementById('app'));
const session = new Session();
/** @type {{element: HTMLElement, end(): void} | null} */
let view = null;

function show() {
  view?.end();
  view = session.user ? new Shell(session, session.user) : new SignInView(session);
  app.replaceChildren(view.element);
  if (view instanceof SignInView) view.begin();
}

session.changes.on('who', show);
show();
document.getElementById('boot')?.remove();
