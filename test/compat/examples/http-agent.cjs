// "Make HTTP(S) connections easily using a custom http(s).Agent" of ssh2's 0.8 documentation; the module, the addresses
// and the credentials come as arguments.
var http = require('http');

var HTTPAgent = require(process.argv[2]).HTTPAgent;
var Client = require(process.argv[2]).Client;

var ssh_config = require('./arguments.cjs');

var agent = new HTTPAgent(ssh_config);

http.get({
  host: '127.0.0.1',
  port: +process.argv[4],
  agent,
  headers: { Connection: 'close' }
}, (res) => {
  console.log(res.statusCode);
  console.dir(res.headers);
  res.resume();
});
