// Chromium without a window, over its DevTools protocol. The messages travel through a pipe, so that no package is needed.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const MAC = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome';

/** The program of an installed Chromium or Chrome, or null. */
export function findChromium() {
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  const candidates = [process.env.CHROMIUM, ...NAMES.flatMap((name) => folders.map((folder) => path.join(folder, name))), MAC];
  return candidates.find((file) => file && fs.existsSync(file)) ?? null;
}

export class Browser {
  static async start() {
    const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'lecture-page-'));
    const options = ['--headless=new', '--remote-debugging-pipe', `--user-data-dir=${profile}`, '--no-first-run', '--disable-gpu',
      '--no-sandbox', '--disable-dev-shm-usage', '--hide-scrollbars', 'about:blank'];
    const child = spawn(findChromium(), options, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    return new Browser(child, profile);
  }

  constructor(child, profile) {
    Object.assign(this, { child, profile, next: 1, waiting: new Map(), listeners: [] });
    let buffer = Buffer.alloc(0);
    child.stdio[4].on('data', (data) => {
      buffer = Buffer.concat([buffer, data]);
      for (let end = buffer.indexOf(0); end >= 0; end = buffer.indexOf(0)) {
        this.receive(JSON.parse(buffer.subarray(0, end).toString()));
        buffer = buffer.subarray(end + 1);
      }
    });
  }

  receive(message) {
    const waiting = this.waiting.get(message.id);
    if (!waiting) return this.listeners.forEach((listener) => listener(message));
    this.waiting.delete(message.id);
    if (message.error) waiting.reject(new Error(message.error.message));
    else waiting.resolve(message.result);
  }

  send(method, params = {}, sessionId = undefined) {
    const id = this.next++;
    this.child.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => { this.waiting.set(id, { resolve, reject }); });
  }

  /** Opens an address. `errors` and `requests` of the page collect what happens. */
  async open(url, { width = 1280, height = 900, dark = false, language = 'en-US', mobile = false } = {}) {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    const page = new Page(this, sessionId, targetId);
    for (const domain of ['Page', 'Runtime', 'Network', 'Log']) await page.send(`${domain}.enable`);
    await page.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile });
    await page.send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }] });
    await page.send('Emulation.setLocaleOverride', { locale: language });
    await page.send('Page.navigate', { url });
    await page.until('document.documentElement.dataset.ready === "true" || !document.getElementById("failure").hidden');
    return page;
  }

  async close() {
    await this.send('Browser.close').catch(() => {});
    await new Promise((resolve) => { this.child.once('exit', resolve); setTimeout(() => { this.child.kill('SIGKILL'); resolve(); }, 5000).unref(); });
    fs.rmSync(this.profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

class Page {
  constructor(browser, session, target) {
    Object.assign(this, { browser, session, target, errors: [], requests: [] });
    browser.listeners.push(({ method, params, sessionId }) => {
      if (sessionId !== session) return;
      if (method === 'Network.requestWillBeSent') this.requests.push(params.request.url);
      if (method === 'Runtime.exceptionThrown') this.errors.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
      if (method === 'Log.entryAdded' && params.entry.level === 'error') this.errors.push(params.entry.text);
    });
  }

  send(method, params) {
    return this.browser.send(method, params, this.session);
  }

  /** The value of an expression in the page. */
  async value(expression) {
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** Waits until an expression is true. */
  async until(expression, seconds = 30) {
    const end = Date.now() + 1000 * seconds;
    while (!(await this.value(`Boolean(document.readyState !== "loading" && (${expression}))`).catch(() => false))) {
      if (Date.now() > end) throw new Error(`not true after ${seconds} s: ${expression}; errors: ${this.errors.join('; ')}`);
      await new Promise((resolve) => { setTimeout(resolve, 20); });
    }
  }

  /** Scrolls an element into view; its left, top, width and height. */
  box(selector) {
    return this.value(`(() => { const e = document.querySelector(${JSON.stringify(selector)}); e.scrollIntoView({ block: 'center', behavior: 'instant' });
      const { left, top, width, height } = e.getBoundingClientRect(); return { left, top, width, height }; })()`);
  }

  mouse(type, x, y) {
    const pressed = type === 'mouseMoved' ? {} : { button: 'left', clickCount: 1 };
    return this.send('Input.dispatchMouseEvent', { type, x, y, buttons: type === 'mouseReleased' ? 0 : 1, button: 'left', ...pressed });
  }

  async click(selector) {
    const { left, top, width, height } = await this.box(selector);
    await this.drag([[left + width / 2, top + height / 2]]);
  }

  /** Presses the button at the first point, moves over the others, releases it. */
  async drag(points) {
    await this.mouse('mousePressed', ...points[0]);
    for (const point of points.slice(1)) await this.mouse('mouseMoved', ...point);
    await this.mouse('mouseReleased', ...points.at(-1));
  }

  async key(key) {
    for (const type of ['keyDown', 'keyUp']) await this.send('Input.dispatchKeyEvent', { type, key, code: key });
  }

  /** Replaces the text of a field by typing. */
  async type(selector, text) {
    await this.value(`(() => { const e = document.querySelector(${JSON.stringify(selector)}); e.focus(); e.select(); })()`);
    await this.send('Input.insertText', { text });
  }

  /** Writes a picture of an element, or of the window. */
  async screenshot(file, selector = null) {
    let clip;
    if (selector) {
      clip = await this.value(`(() => { const { left, top, width, height } = document.querySelector(${JSON.stringify(selector)}).getBoundingClientRect();
        return { x: left + scrollX, y: top + scrollY, width, height, scale: 1 }; })()`);
    }
    const { data } = await this.send('Page.captureScreenshot', { format: 'png', clip, captureBeyondViewport: Boolean(clip) });
    fs.writeFileSync(file, Buffer.from(data, 'base64'));
  }

  close() {
    return this.browser.send('Target.closeTarget', { targetId: this.target });
  }
}
