import { library } from '../../tsup.base.ts'

export default library({
  index: 'src/index.ts',
  protocol: 'src/protocol/index.ts',
  server: 'src/server/index.ts',
  node: 'src/node/index.ts',
})
