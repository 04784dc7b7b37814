export { type Position, ReadAhead, type ReadAheadOptions } from './client/read-ahead.ts'
export { type FlowOptions, flowDefaults } from './client/transfer-flow.ts'
export { WriteBehind, type WriteBehindOptions, type Written } from './client/write-behind.ts'
export * from './protocol/index.ts'
