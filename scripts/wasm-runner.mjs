// Runs a WebAssembly program under Node.js: node wasm-runner.mjs PROGRAM [ARGUMENT ..]. Cargo calls it for each test binary
// of the target wasm32-wasip1; see test-wasm.sh.
//
// These are the functions of WASI preview 1 that a test needs: arguments, environment, clock, random numbers, output. There
// are no files and no input. (The WASI class of Node.js 20 is experimental. It crashed when the garbage collector ran during a
// write.)
import { readFileSync, writeSync } from 'node:fs';
import { webcrypto } from 'node:crypto';

const [program, ...args] = process.argv.slice(2);
if (program === undefined) {
    console.error('usage: node wasm-runner.mjs PROGRAM [ARGUMENT ..]');
    process.exit(2);
}
const SUCCESS = 0;
const EBADF = 8;
let memory;
const view = () => new DataView(memory.buffer); // a new one for each use, because the memory may grow
const bytes = (start, length) => new Uint8Array(memory.buffer, start, length);
const setSize = (at, number) => view().setUint32(at, number, true);

/** Writes strings that end with NUL to `to`, and their addresses to `list`. */
function putStrings(strings, list, to) {
    for (const string of strings) {
        const encoded = Buffer.from(`${string}\0`);
        bytes(to, encoded.length).set(encoded);
        setSize(list, to);
        [list, to] = [list + 4, to + encoded.length];
    }
    return SUCCESS;
}

function putSizes(strings, count, size) {
    setSize(count, strings.length);
    setSize(size, strings.reduce((sum, string) => sum + Buffer.byteLength(string) + 1, 0));
    return SUCCESS;
}

const allArgs = [program, ...args];
const environment = Object.entries(process.env).map(([name, value]) => `${name}=${value}`);

class Exit {
    constructor(status) {
        this.status = status;
    }
}

const functions = {
    args_sizes_get: (count, size) => putSizes(allArgs, count, size),
    args_get: (list, to) => putStrings(allArgs, list, to),
    environ_sizes_get: (count, size) => putSizes(environment, count, size),
    environ_get: (list, to) => putStrings(environment, list, to),
    clock_time_get(clock, _precision, to) {
        const realtime = BigInt(Date.now()) * 1_000_000n;
        view().setBigUint64(to, clock === 0 ? realtime : process.hrtime.bigint(), true);
        return SUCCESS;
    },
    random_get(to, length) {
        webcrypto.getRandomValues(bytes(to, length));
        return SUCCESS;
    },
    sched_yield: () => SUCCESS,
    fd_write(file, list, count, written) {
        if (file !== 1 && file !== 2) return EBADF;
        let total = 0;
        for (let i = 0; i < count; i++) {
            const [start, length] = [view().getUint32(list + 8 * i, true), view().getUint32(list + 8 * i + 4, true)];
            for (let done = 0; done < length; ) done += writeSync(file, bytes(start + done, length - done));
            total += length;
        }
        setSize(written, total);
        return SUCCESS;
    },
    proc_exit(status) {
        throw new Exit(status);
    },
};

let status = 0;
try {
    const module = new WebAssembly.Module(readFileSync(program));
    const missing = WebAssembly.Module.imports(module).map(({ name }) => [name, () => EBADF]);
    const imports = { wasi_snapshot_preview1: { ...Object.fromEntries(missing), ...functions } };
    const { exports } = new WebAssembly.Instance(module, imports);
    memory = exports.memory;
    exports._start();
} catch (error) {
    if (!(error instanceof Exit)) console.error(`${program}: ${error}`); // a panic aborts the program
    status = error instanceof Exit ? error.status : 101;
}
process.exit(status);
