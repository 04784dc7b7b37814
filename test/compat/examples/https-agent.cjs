// The example of the HTTP agent with HTTPSAgent, whose use the documentation gives as the same; the module, the addresses,
// the credentials and the file of the certificate to trust come as arguments.
var https = require('https');

var HTTPSAgent = require(process.argv[2]).HTTPSAgent;
var Client = require(process.argv[2]).Client;

var ssh_config = require('./arguments.cjs');

var agent = new HTTPSAgent(ssh_config, { ca: require('fs').readFileSync(process.argv[5]) });

https.get({
  host: '127.0.0.1',
  port: +process.argv[4],
  agent,
  headers: { Connection: 'close' }
}, (res) => {
  console.log(res.statusCode);
  console.dir(res.headers);
  res.resume();
});
