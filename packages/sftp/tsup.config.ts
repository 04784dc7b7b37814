import { library } from '../../tsup.base.ts'

export default library({
  index: 'src/index.ts',
  client: 'src/client/index.ts',
  server: 'src/server/index.ts',
  protocol: 'src/protocol/index.ts',
  node: 'src/node/index.ts',
})
