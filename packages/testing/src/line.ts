/** What a line needs neither a client nor a server for: pipes in memory, ways of cutting bytes, seeded randomness. */

export * from './chunking.ts'
export * from './pipes.ts'
export * from './rng.ts'
