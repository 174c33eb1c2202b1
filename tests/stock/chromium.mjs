// Debian's Chromium, as every test of a page starts it.
import { chromium } from 'playwright-core';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** A browser of its own, without a window, that talks to nobody by itself; `more` are further flags. */
export function launch(...more) {
  return chromium.launch({
    executablePath: CHROMIUM,
    headless: true,
    args: [
      ...more,
      '--no-sandbox', // root has none
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
