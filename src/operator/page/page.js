// The live page: asks for the overview every second and shows it. Nothing is kept but the token, and that only as
// long as the tab.
'use strict';

const EVERY_MS = 1000;
const PATIENCE_MS = 5000;
const KEPT_AS = 'duologue-operator-token';
const SVG = 'http://www.w3.org/2000/svg';

const at = (id) => document.getElementById(id);

/** An element with this text. */
function made(name, text, kind) {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  if (kind) element.className = kind;
  return element;
}

// How figures are told.

const whole = new Intl.NumberFormat('en');
const count = (n) => whole.format(n);
const short = (n) => (n >= 100 ? count(Math.round(n)) : n.toFixed(1));
const millis = (micros) => `${short(micros / 1000)} ms`;
const each = (of) => (n) => `${short(n)}${of}`;

function bytes(n) {
  if (n < 1024) return `${n} B`;
  return n < 1024 * 1024 ? `${(n / 1024).toFixed(1)} KiB` : `${(n / 1024 / 1024).toFixed(1)} MiB`;
}

function duration(seconds) {
  const [days, hours, minutes] = [seconds / 86400, (seconds / 3600) % 24, (seconds / 60) % 60].map(Math.floor);
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

/** The bound below which this share of the observations lies. */
function quantile({ bounds, counts }, share) {
  const all = counts.reduce((sum, n) => sum + n, 0);
  if (!all) return '–';
  let seen = 0;
  const place = counts.findIndex((n) => (seen += n) >= Math.max(1, Math.ceil(all * share)));
  return place < bounds.length ? `≤ ${millis(bounds[place])}` : `> ${millis(bounds.at(-1))}`;
}

// What is shown: a tile is a name, a value of the overview, and a remark.

const TILES = [
  ['Conversations awake', ({ now }) => count(now.conversations), () => 'an actor each'],
  ['Sessions', ({ now }) => count(now.sessions), ({ now }) => `${count(now.sessions_away)} without a socket`],
  ['Mailboxes', ({ now }) => count(now.mailboxes), ({ now }) => `the deepest ${count(now.mailbox_deepest)}`],
  ['Sends under way', ({ now }) => count(now.sends_under_way), ({ now }) => `${count(now.commands_under_way)} other commands`],
  ['Waiting for the journal', ({ now }) => count(now.journal_waiting), () => 'behind the transaction'],
  ['Outboxes', ({ now }) => bytes(now.outbox_waiting), ({ now }) => `kept ${bytes(now.outbox_kept)}, the fullest ${bytes(now.outbox_fullest)}`],
  ['A send takes', ({ totals }) => quantile(totals.send_time, 0.5), ({ totals }) => `99 % ${quantile(totals.send_time, 0.99)}`],
  ['A commit takes', ({ totals }) => quantile(totals.commit_time, 0.5), ({ totals }) => `99 % ${quantile(totals.commit_time, 0.99)}`],
  ['Messages stored', ({ totals }) => count(totals.stored), ({ totals }) => `${count(totals.known)} sent again`],
  ['Delivered', ({ totals }) => count(totals.deliveries), () => 'proven, read or replied to'],
];

// A chart is a name, what it shows of a second between two samples, and how that is told.

const per = (what) => (from, to) => ((to[what] - from[what]) * 1000) / (to.at - from.at);
const share = (much, of) => (from, to) => (to[of] > from[of] ? (to[much] - from[much]) / (to[of] - from[of]) : 0);
const then = (what) => (_, to) => to[what];

const CHARTS = [
  ['Sends', per('sends'), each(' /s')],
  ['Acknowledged', per('acknowledged'), each(' /s')],
  ['Delivered', per('deliveries'), each(' /s')],
  ['Batch size', share('messages', 'commits'), each('')],
  ['Transactions', per('transactions'), each(' /s')],
  ['A transaction takes', share('commit_micros', 'transactions'), millis],
  ['Refused', per('refused'), each(' /s')],
  ['Mailboxes', then('mailboxes'), count],
  ['Waiting for the journal', then('journal_waiting'), count],
  ['Sessions', then('sessions'), count],
  ['Conversations awake', then('conversations'), count],
  ['Bytes in outboxes', then('outbox_waiting'), bytes],
];

const COLUMNS = [
  ['conversation', (one) => one.conversation],
  ['a second', (one) => short(one.per_second)],
  ['stored', (one) => count(one.stored)],
  ['mailbox', (one) => count(one.mailbox)],
  ['in line', (one) => count(one.in_line)],
  ['last batch', (one) => count(one.last_batch)],
  ['largest', (one) => count(one.largest_batch)],
  ['slowest send', (one) => millis(one.slowest)],
];

/** Makes everything once; what comes back shows an overview in it. */
function furnish() {
  const tiles = TILES.map(([name, value, remark]) => {
    const tile = made('div', undefined, 'tile');
    const [shown, said] = [made('dd'), made('dd', undefined, 'remark')];
    tile.append(made('dt', name), shown, said);
    at('tiles').append(tile);
    return (figures) => {
      shown.textContent = value(figures);
      said.textContent = remark(figures);
    };
  });
  const charts = CHARTS.map(([name, value, tell]) => chart(name, value, tell));
  const tables = ['busiest', 'slowest'].map((id) => table(id));
  return (overview) => {
    for (const show of tiles) show(overview.figures);
    for (const show of charts) show(overview.samples);
    for (const show of tables) show(overview);
    const refused = overview.figures.totals.refusals.filter(([, n]) => n);
    at('refusals').textContent = refused.map(([code, n]) => `${code} ${count(n)}`).join(', ') || 'nothing';
    at('server').textContent = `${overview.version}, up ${duration(overview.uptime)}`;
  };
}

/** A small chart. What it shows now stands beside its name as text, so that nobody has to see the line. */
function chart(name, value, tell) {
  const [figure, caption] = [made('figure', undefined, 'chart'), made('figcaption')];
  const [shown, top] = [made('span', undefined, 'shown'), made('span', undefined, 'top')];
  caption.append(made('span', name), shown, top);
  const [WIDTH, HEIGHT] = [120, 40];
  const part = (kind, attributes) => {
    const element = document.createElementNS(SVG, kind);
    for (const [key, text] of Object.entries(attributes)) element.setAttribute(key, text);
    return element;
  };
  const svg = part('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' });
  const [area, line] = [part('path', { class: 'area' }), part('path', { class: 'line' })];
  svg.append(area, part('path', { class: 'floor', d: `M0 ${HEIGHT}H${WIDTH}` }), line);
  figure.append(caption, svg);
  at('charts').append(figure);
  return (samples) => {
    const values = samples.slice(1).map((to, i) => value(samples[i], to));
    const most = Math.max(0, ...values);
    shown.textContent = values.length ? tell(values.at(-1)) : 'in a moment';
    if (!values.length) return;
    top.textContent = `at most ${tell(most)}`;
    // The newest is at the right, and the top is the most there was.
    const points = values.map((v, i) => {
      const x = WIDTH - (values.length - 1 - i);
      const y = HEIGHT - (most ? (v / most) * (HEIGHT - 2) : 0);
      return `${x} ${y.toFixed(2)}`;
    });
    line.setAttribute('d', `M${points.join('L')}`);
    area.setAttribute('d', `M${points.join('L')}V${HEIGHT}H${WIDTH - values.length + 1}Z`);
  };
}

function table(id) {
  const [head, row, body] = [made('thead'), made('tr'), made('tbody')];
  for (const [name] of COLUMNS) {
    const cell = made('th', name);
    cell.scope = 'col';
    row.append(cell);
  }
  head.append(row);
  at(id).append(head, body);
  return (overview) => {
    const rows = overview[id].map((one) => {
      const shown = made('tr');
      COLUMNS.forEach(([, value], i) => {
        const cell = made(i ? 'td' : 'th', value(one));
        if (!i) cell.scope = 'row';
        shown.append(cell);
      });
      return shown;
    });
    if (!rows.length) {
      const [shown, cell] = [made('tr'), made('td', 'none lately')];
      cell.colSpan = COLUMNS.length;
      shown.append(cell);
      rows.push(shown);
    }
    body.replaceChildren(...rows);
  };
}

// Asking.

/** Says how it goes; to those who hear the page only when that changes. */
function say(text, isBad) {
  const state = at('state');
  if (state.textContent !== text) state.textContent = text;
  state.classList.toggle('bad', isBad);
}

/** What was in the link is kept, and no longer in the link: addresses are shown, copied and remembered. */
function tokenFromLink() {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  if (!token) return;
  sessionStorage.setItem(KEPT_AS, token);
  history.replaceState(null, '', location.pathname);
}

function askForToken(why) {
  say(why, why !== '');
  at('figures').hidden = true;
  at('door').hidden = false;
  at('token').focus();
}

async function ask(show) {
  const token = sessionStorage.getItem(KEPT_AS);
  if (!token) return askForToken('');
  try {
    const headers = { Authorization: `Bearer ${token}` };
    const answer = await fetch('overview', { headers, signal: AbortSignal.timeout(PATIENCE_MS) });
    if (answer.status === 401) {
      sessionStorage.removeItem(KEPT_AS);
      return askForToken('The server does not take this token.');
    }
    if (!answer.ok) throw new Error(`it answers ${answer.status}`);
    const overview = await answer.json();
    show(overview);
    at('figures').hidden = false;
    const isWritable = overview.figures.now.writable;
    say(isWritable ? 'live' : 'It cannot write to its disk.', !isWritable);
  } catch (error) {
    say(`The server does not answer: ${error.message}`, true);
  }
  // A page that nobody sees asks nothing.
  if (document.hidden) {
    document.addEventListener('visibilitychange', () => ask(show), { once: true });
  } else {
    setTimeout(ask, EVERY_MS, show);
  }
}

tokenFromLink();
const show = furnish();
at('door').addEventListener('submit', (event) => {
  event.preventDefault();
  // A header takes visible ASCII, and that is what a token is made of.
  sessionStorage.setItem(KEPT_AS, at('token').value.trim());
  at('token').value = '';
  at('door').hidden = true;
  say('asking …', false);
  ask(show);
});
ask(show);
