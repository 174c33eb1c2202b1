// What the README and its kin show in code, as it stands there.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';

/** The code of one chapter of a text in Markdown, by headings; each block must be asked for in the end. */
export class Chapter {
  #blocks = [];
  #name;

  /** The chapter `heading` of `file`, a path from the top of the repository. */
  static async read(file, heading) {
    const text = await readFile(new URL(`../../${file}`, import.meta.url), 'utf8');
    const chapter = new Chapter();
    chapter.#name = `${file}, ${heading}`;
    const [, rest] = text.split(`\n## ${heading}\n`);
    assert.ok(rest, `${chapter.#name} is not there`);
    const [body] = rest.split(/\n## /);
    for (const part of body.split(/^### /m)) {
      const under = part.slice(0, part.indexOf('\n'));
      for (const [, language, code] of part.matchAll(/^```(\w+)\n(.*?)^```$/gms)) {
        chapter.#blocks.push({ under, language, code, asked: false });
      }
    }
    return chapter;
  }

  /** The next block in `language` under `heading`; an empty one is the chapter's own. */
  code(heading, language) {
    const block = this.#blocks.find(({ asked, ...one }) =>
      !asked && one.language === language && (heading === '' || one.under === heading));
    assert.ok(block, `${this.#name} shows no more ${language} under "${heading}"`);
    block.asked = true;
    return block.code;
  }

  /** Fails if there is code that nobody has asked for. */
  isUsedUp() {
    const left = this.#blocks.filter(({ asked }) => !asked).map(({ under, language }) => `${under}: ${language}`);
    assert.deepEqual(left, [], `${this.#name}: code that no test runs`);
  }
}

/** Runs a program to its end, which must be a good one: what it wrote to its standard output. */
export function run(program, args, { env = {}, cwd } = {}) {
  const { PATH, HOME } = process.env;
  const child = spawn(program, args, { cwd, env: { PATH, HOME, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, log] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (log += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve(out);
      else reject(new Error(`${program} ended with ${code ?? signal}: ${out}${log}`));
    });
  });
}
