import { library } from '../../tsup.base.ts'

const entry = { index: 'src/index.ts', noble: 'src/backend.noble.ts', 'ml-dsa': 'src/ml-dsa.ts' }

export default library(
  // The node backend is reached through #backend only, whose types are those of the interface.
  { ...entry, 'backend.node': 'src/backend.node.ts', zlib: 'src/zlib.ts' },
  { late: /^(@noble\/|#zlib$)/, dts: { entry, compilerOptions: { ignoreDeprecations: '6.0' } } },
)
