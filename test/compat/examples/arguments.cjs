// The third argument: connect() options as JSON, `keyFile` in place of `privateKey`.
var config = JSON.parse(process.argv[3]);
if (config.keyFile) config.privateKey = require('fs').readFileSync(config.keyFile);
delete config.keyFile;
module.exports = config;
