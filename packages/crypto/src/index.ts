export {
  checkGroup,
  chooseGroup,
  groupExchangeBits,
  type ModpBits,
  modpGroup,
} from './agreement/index.ts'
export type * from './algorithm.ts'
export type * from './backend.ts'
export { none } from './cipher/none.ts'
export * from './errors.ts'
export * from './names.ts'
export { createProvider, defaultProvider } from './provider.ts'
