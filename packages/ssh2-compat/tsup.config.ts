import { library } from '../../tsup.base.ts'

/** `require()` gives what `default` is: the Client that carries every name. */
export default library(
  { index: 'src/index.ts' },
  { footer: ({ format }) => (format === 'cjs' ? { js: 'module.exports = module.exports.default;' } : {}) },
)
