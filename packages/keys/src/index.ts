export type * from './key.ts'
