import { library } from '../../tsup.base.ts'

export default library({
  index: 'src/index.ts',
  noble: 'src/backend.noble.ts',
  'backend.node': 'src/backend.node.ts',
})
