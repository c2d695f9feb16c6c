// Runs a WebAssembly program under Node.js: node wasm-runner.mjs PROGRAM [ARGUMENT ..]. Cargo calls it for each test binary
// of the target wasm32-wasip1; see test-wasm.sh. The program gets the environment, and no files.
//
// The program runs in a child process, which reports the exit status through file descriptor 3: Node.js 20 sometimes crashes
// when it exits after a long WebAssembly program, and then its own exit status is not that of the program.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { WASI } from 'node:wasi';

const args = process.argv.slice(2);
if (args.length === 0) {
    console.error('usage: node wasm-runner.mjs PROGRAM [ARGUMENT ..]');
    process.exit(2);
}
if (args[0] === '--child') {
    run(args.slice(1));
} else {
    const child = ['--no-warnings', fileURLToPath(import.meta.url), '--child', ...args];
    const { output, status, signal } = spawnSync(process.execPath, child, {
        stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    });
    const reported = output?.[3]?.toString() ?? '';
    if (reported === '') console.error(`${args[0]}: Node.js ended with ${signal ?? `status ${status}`}`);
    process.exit(reported === '' ? 101 : Number(reported));
}

function run([program, ...args]) {
    const wasi = new WASI({ version: 'preview1', args: [program, ...args], env: process.env, returnOnExit: true });
    let status = 101;
    try {
        const module = new WebAssembly.Module(readFileSync(program));
        status = wasi.start(new WebAssembly.Instance(module, wasi.getImportObject()));
    } catch (error) {
        console.error(`${program}: ${error}`); // a panic aborts the program
    }
    writeSync(3, String(status));
    process.exit(status);
}
