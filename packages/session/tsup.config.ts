import { library } from '../../tsup.base.ts'

export default library({ index: 'src/index.ts', node: 'src/node.ts' }, { late: /^node:worker_threads$/ })
