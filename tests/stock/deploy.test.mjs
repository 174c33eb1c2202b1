// .deploy: the unit by systemd's own checks, what the image is told to run, and every step of its README as it stands.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { KINDS } from './client.mjs';
import { Person } from './person.mjs';
import { Chapter, run } from './readme.mjs';
import { BINARY, freeAddress } from './server.mjs';
import { until, within } from './wait.mjs';

/** Where whoever follows the steps is at home, on the machine that is played. */
const HOME = '/home/operator';

const read = (file) => readFile(new URL(`../../.deploy/${file}`, import.meta.url), 'utf8');

async function someDirectory(t) {
  const directory = await mkdtemp(join(tmpdir(), 'duologue-deploy-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** The unit in a file, with the program where it is here. */
async function unitFile(t) {
  const file = join(await someDirectory(t), 'duologue.service');
  const unit = await read('duologue.service');
  assert.ok(unit.includes('ExecStart=/usr/local/bin/duologue\n'));
  await writeFile(file, unit.replace('/usr/local/bin/duologue', BINARY));
  return file;
}

test('systemd finds nothing wrong with the unit, and little that it may do', async (t) => {
  const file = await unitFile(t);
  // It tells what is wrong on standard error and ends well all the same.
  const told = await run('bash', ['-c', 'systemd-analyze verify --man=no "$1" 2>&1', '-', file]);
  assert.equal(told, '');
  await run('systemd-analyze', ['security', '--offline=true', '--threshold=20', file]); // 2.0 of 10
});

/** Every system call that the names in `filter` stand for. */
async function systemCalls(filter) {
  const listed = (await run('systemd-analyze', ['syscall-filter', filter])).split('\n').map((line) => line.trim());
  const names = listed.filter((line) => line && !line.startsWith('#') && line !== filter);
  const deep = await Promise.all(names.map((name) => (name.startsWith('@') ? systemCalls(name) : [name])));
  return deep.flat();
}

test('the unit forbids no system call that the server makes', async (t) => {
  const unit = await read('duologue.service');
  const filters = [...unit.matchAll(/^SystemCallFilter=(~?)(@[\w-]+)$/gm)].map(([, not, name]) => ({ not, name }));
  const allowed = new Set();
  for (const { not, name } of filters) {
    for (const call of await systemCalls(name)) not ? allowed.delete(call) : allowed.add(call);
  }
  const directory = await someDirectory(t);
  const { host, port } = await freeAddress();
  const env = { PATH: process.env.PATH, LISTEN: `${host}:${port}`, RATE_LIMITS: 'off' };
  const traced = spawn('strace', ['-f', '-qq', '-c', '-o', 'calls', BINARY], { cwd: directory, env, stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  traced.stderr.setEncoding('utf8').on('data', (text) => (log += text));
  const gone = once(traced, 'exit');
  t.after(() => traced.kill('SIGKILL'));
  const server = { url: `http://${host}:${port}` };
  await until('the server', () => traced.exitCode !== null || / serving /.test(log));
  const [ana, ben] = await Promise.all(['Ana', 'Ben'].map((name) => Person.register(server, name)));
  const chat = await ana.chatWith(ben);
  for (const kind of KINDS.filter(({ version }) => version === '4.8.4')) {
    const bens = await ben.connect(t, kind);
    await ana.send(chat, 'hello');
    await bens.hears('new_message');
  }
  const children = await readFile(`/proc/${traced.pid}/task/${traced.pid}/children`, 'utf8');
  process.kill(Number(children.trim().split(' ')[0]), 'SIGTERM');
  await within('the end', gone, () => log);
  const table = (await readFile(join(directory, 'calls'), 'utf8')).split('\n').slice(2);
  const made = table.map((line) => line.trim().split(/\s+/).at(-1)).filter((name) => /^[a-z]\w+$/.test(name) && name !== 'total');
  assert.ok(made.includes('fdatasync') || made.includes('fsync'), `no log of calls: ${made}`);
  // Of root alone SQLite gives its files to the owner of the database.
  if (process.getuid() === 0) allowed.add('fchown');
  assert.deepEqual(made.filter((name) => !allowed.has(name)), []);
});

test('what the image is told to run serves, is healthy, and drains', async (t) => {
  const text = (await read('Dockerfile')).replaceAll('\\\n', ' ');
  const last = text.slice(text.lastIndexOf('\nFROM '));
  const said = (instruction) => [...last.matchAll(new RegExp(`^${instruction} (.*)$`, 'gm'))].map(([, rest]) => rest);
  assert.match(said('USER')[0], /^[1-9]\d*:[1-9]\d*$/, 'not root, by number: an orchestrator can tell');
  const program = (words) => {
    assert.equal(words[0], '/usr/local/bin/duologue');
    return words.slice(1);
  };
  const health = JSON.parse(said('HEALTHCHECK')[0].replace(/^.* CMD /, ''));
  const env = Object.fromEntries(said('ENV').flatMap((line) => line.split(' ')).map((pair) => pair.split(/=(.*)/).slice(0, 2)));
  const port = said('EXPOSE')[0];
  assert.equal(env.LISTEN, `0.0.0.0:${port}`);
  env.LISTEN = `0.0.0.0:${(await freeAddress()).port}`;
  const data = await someDirectory(t); // as WORKDIR is
  assert.equal(said('WORKDIR')[0], JSON.parse(said('VOLUME')[0])[0]);
  const server = spawn(BINARY, program(JSON.parse(said('ENTRYPOINT')[0])), { cwd: data, env, stdio: 'ignore' });
  const gone = once(server, 'exit');
  t.after(() => server.kill('SIGKILL'));
  const check = () => run(BINARY, program(health), { env });
  await until('a healthy server', () => check().then(() => true, () => server.exitCode !== null));
  await check();
  assert.ok((await readdir(data)).includes('duologue.db'), 'the database is in the volume');
  server.kill(said('STOPSIGNAL')[0]);
  assert.deepEqual(await within('the end', gone), [0, null]);
  await assert.rejects(check, /cannot be asked/);
});

test('the image is built of what it needs', async () => {
  const kept = (await read('Dockerfile.dockerignore')).match(/^!.*$/gm).map((line) => line.slice(1));
  const manifest = await readFile(new URL('../../Cargo.toml', import.meta.url), 'utf8');
  const [, members] = /^members = \[(.*)\]$/m.exec(manifest);
  const wanted = JSON.parse(`[${members}]`).map((member) => (member === '.' ? 'src' : member));
  assert.deepEqual(kept.sort(), [...wanted, 'Cargo.toml', 'Cargo.lock'].sort());
});

/** A machine to follow the README on: a directory in place of `/`, and what root's commands do in it. */
class Machine {
  #root;

  static async at(t) {
    const machine = new Machine();
    machine.#root = await mkdtemp(join(tmpdir(), 'duologue-machine-'));
    t.after(async () => {
      await machine.#run('systemctl stop duologue');
      await rm(machine.#root, { recursive: true });
    });
    const { host, port } = await freeAddress();
    machine.listen = `${host}:${port}`;
    machine.url = `http://${machine.listen}`;
    const at = (path) => machine.path(path);
    for (const path of ['/usr/local/bin', '/etc/systemd/system', '/var/lib', '/var/backups', `${HOME}/.deploy`, '/tools']) {
      await mkdir(at(path), { recursive: true });
    }
    await machine.build('the first version');
    await writeFile(at(`${HOME}/.deploy/duologue.service`), machine.#here(await read('duologue.service')));
    for (const [name, script] of Object.entries(TOOLS)) {
      await writeFile(at(`/tools/${name}`), machine.#here(script));
      await chmod(at(`/tools/${name}`), 0o755);
    }
    return machine;
  }

  path(path) {
    return join(this.#root, path);
  }

  /** A program to be installed: the one under test, by a name for each version. */
  async build(version) {
    await writeFile(this.path(`${HOME}/duologue`), `#!/bin/sh\n# ${version}\nexec '${BINARY}' "$@"\n`);
  }

  /** Follows the next steps under `heading`: what they say. */
  async follow(heading) {
    const chapter = await Chapter.read('.deploy/README.md', heading);
    const told = await this.#run(chapter.code('', 'sh'));
    chapter.isUsedUp();
    return told;
  }

  #here(text) {
    return text
      .replace(/(?<![\w.])(\/(usr\/local|etc|var)\/)/g, `${this.#root}$1`)
      .replaceAll('~/', `${this.path(HOME)}/`)
      .replaceAll('-o duologue', `-o ${userInfo().username}`);
  }

  #run(steps) {
    const path = `${this.path('/tools')}:${this.path('/usr/local/bin')}:${process.env.PATH}`;
    const env = { PATH: path, LISTEN: this.listen };
    return run('bash', ['-euo', 'pipefail', '-c', this.#here(steps)], { cwd: this.path(HOME), env });
  }
}

/** What is root's alone, or systemd's, for the few commands of the README. */
const TOOLS = {
  useradd: '#!/bin/sh\n',
  runuser: '#!/bin/sh\nshift 3\nexec "$@"\n',
  systemctl: `#!/bin/bash
set -eu
said() { sed -n "s/^$1=-\\?//p" /etc/systemd/system/duologue.service; }
state="$(said WorkingDirectory)"
case "$1" in
  enable | start)
    install -d -m "$(said StateDirectoryMode)" "$state"
    cd "$state"
    umask "$(said UMask)"
    set -a
    . "$(said EnvironmentFile)"
    setsid "$(said ExecStart)" >>/var/log 2>&1 </dev/null &
    echo $! >/var/pid
    ;;
  stop)
    [[ -e /var/pid ]] || exit 0
    pid="$(</var/pid)"
    rm /var/pid
    kill -TERM "$pid"
    tail --pid="$pid" -f /dev/null
    ;;
esac
`,
};

test('installing, backing up, upgrading, going back and restoring go as they say', async (t) => {
  const machine = await Machine.at(t);
  await machine.follow('With systemd');
  await until('the server', () => fetch(`${machine.url}/health/ready`).then(({ ok }) => ok, () => false));
  const [ana, ben] = await Promise.all(['Ana', 'Ben'].map((name) => Person.register(machine, name)));
  const chat = await ana.chatWith(ben);
  const said = async () => (await ben.history(chat)).map(({ content }) => content);
  const bens = await ben.connect(t, KINDS.at(-1));

  await ana.send(chat, 'before the backup');
  await machine.follow('Backing up');
  await ana.send(chat, 'before the upgrade');
  const installed = () => readFile(machine.path('/usr/local/bin/duologue'), 'utf8');
  await machine.build('the second version');
  const told = await machine.follow('Upgrading');
  assert.match(told, /^sound: 1 conversations, 2 messages$/m);
  assert.match(await installed(), /second version/);
  await bens.connected();
  await ana.send(chat, 'after the upgrade');
  await bens.hears('new_message', ({ message }) => message.content === 'after the upgrade');
  assert.deepEqual(await said(), ['before the backup', 'before the upgrade', 'after the upgrade']);

  await machine.follow('Going back to the version before');
  assert.match(await installed(), /first version/);
  assert.deepEqual(await said(), ['before the backup', 'before the upgrade']);

  // The disk has had an accident.
  await writeFile(machine.path('/var/lib/duologue/duologue.db'), 'no database any more');
  await rm(machine.path('/var/lib/duologue/duologue.db.jwt-secret'));
  assert.match(await machine.follow('Restoring'), /^sound: 1 conversations, 1 messages$/m);
  assert.deepEqual(await said(), ['before the backup'], 'and those who were signed in still are');
  await ana.send(chat, 'and on it goes');
});
