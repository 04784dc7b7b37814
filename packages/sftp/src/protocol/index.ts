export * from './attributes.ts'
export * from './constants.ts'
export * from './extensions.ts'
export * as messages from './messages.ts'
