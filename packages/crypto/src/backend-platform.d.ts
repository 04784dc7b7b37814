import type { Backend } from './backend.ts'

/** What `#backend` resolves to at run time: backend.node.ts in Node, Bun and Deno, backend.noble.ts elsewhere. */
export declare const backend: Backend
