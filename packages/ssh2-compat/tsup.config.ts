import { library } from '../../tsup.base.ts'

/** `require()` gives what `default` is: the Client that carries every name. */
export default library(
  { index: 'src/index.ts', 'sftp-stream': 'src/sftp-stream.ts' },
  {
    // One file straight from esbuild: the footer must come after the exports, which Rollup and the splitter put last.
    late: /^@hawser\//,
    splitting: false,
    treeshake: false,
    footer: ({ format }) => (format === 'cjs' ? { js: 'module.exports = module.exports.default;' } : {}),
  },
)
