// The page begins here: it shows who is signed in their chats, and everybody else the way in.
import { sentence } from './refusal.js';
import { arrival } from './router.js';
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

/**
 * Takes up a link that says as whom one comes, and answers whether that failed. Only of a server on this machine,
 * such as a demo: elsewhere a link could have somebody write under a name that is not theirs.
 */
async function arrive() {
  const { hash, hostname } = window.location;
  const tokens = arrival(hash);
  if (!tokens) return false;
  window.history.replaceState(null, '', '#/'); // they are nobody else's business
  if (hostname !== 'localhost' && hostname !== '127.0.0.1') return false;
  try {
    await session.enter(tokens);
    return false;
  } catch (error) {
    session.why = sentence(error);
    return true;
  }
}

await arrive();
session.changes.on('who', show);
show();
window.addEventListener('hashchange', async () => {
  const failed = await arrive();
  if (failed && !session.user) show();
});
document.getElementById('boot')?.remove();
