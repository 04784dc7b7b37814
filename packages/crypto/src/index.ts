export type * from './algorithm.ts'
export type * from './backend.ts'
export * from './errors.ts'
