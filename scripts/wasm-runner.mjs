// Runs a WebAssembly program under Node.js: node wasm-runner.mjs PROGRAM [ARGUMENT ..]. Cargo calls it for each test binary
// of the target wasm32-wasip1; see test-wasm.sh. The program gets the environment, and no files.
import { readFileSync } from 'node:fs';
import { WASI } from 'node:wasi';

const [program, ...args] = process.argv.slice(2);
if (program === undefined) {
    console.error('usage: node wasm-runner.mjs PROGRAM [ARGUMENT ..]');
    process.exit(2);
}
// A global variable, because Node.js 20 otherwise frees the object while the program runs, and crashes.
globalThis.wasi = new WASI({ version: 'preview1', args: [program, ...args], env: process.env, returnOnExit: true });
let status = 101;
try {
    const module = new WebAssembly.Module(readFileSync(program));
    status = globalThis.wasi.start(new WebAssembly.Instance(module, globalThis.wasi.getImportObject()));
} catch (error) {
    console.error(`${program}: ${error}`); // a panic aborts the program
}
process.exit(status);
