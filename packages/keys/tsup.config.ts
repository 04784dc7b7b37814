import { library } from '../../tsup.base.ts'

export default library(
  { index: 'src/index.ts', node: 'src/node/index.ts' },
  // Only node.d.ts uses node's types; each entry is checked on its own by `typecheck`.
  { dts: { compilerOptions: { ignoreDeprecations: '6.0', customConditions: [], types: ['node'] } } },
)
