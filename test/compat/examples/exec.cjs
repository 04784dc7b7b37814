// "Execute `uptime` on a server" of ssh2's 0.8 documentation; the module, the address and the credentials come as arguments.
var Client = require(process.argv[2]).Client;

var conn = new Client();
conn.on('ready', function() {
  console.log('Client :: ready');
  conn.exec(process.argv[4] || 'uptime', function(err, stream) {
    if (err) throw err;
    stream.on('close', function(code, signal) {
      console.log('Stream :: close :: code: ' + code + ', signal: ' + signal);
      conn.end();
    }).on('data', function(data) {
      console.log('STDOUT: ' + data);
    }).stderr.on('data', function(data) {
      console.log('STDERR: ' + data);
    });
  });
}).connect(require('./arguments.cjs'));
