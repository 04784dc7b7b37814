import { library } from '../../tsup.base.ts'

export default library(
  { index: 'src/index.ts', node: 'src/node/index.ts' },
  { late: /^@hawser\/sftp(\/|$)|^node:child_process$/ },
)
