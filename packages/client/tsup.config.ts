import { library } from '../../tsup.base.ts'

export default library(
  {
    index: 'src/index.ts',
    node: 'src/node/index.ts',
    'dial.node': 'src/dial.node.ts',
    'dial.default': 'src/dial.default.ts',
  },
  { late: /^@hawser\/(agent|sftp)(\/|$)|^node:http$/ },
)
