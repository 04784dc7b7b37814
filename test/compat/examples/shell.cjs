// "Start an interactive shell session" of ssh2's 0.8 documentation; the module, the address and the credentials come as arguments.
var Client = require(process.argv[2]).Client;

var conn = new Client();
conn.on('ready', function() {
  console.log('Client :: ready');
  conn.shell(function(err, stream) {
    if (err) throw err;
    stream.on('close', function() {
      console.log('Stream :: close');
      conn.end();
    }).on('data', function(data) {
      console.log('OUTPUT: ' + data);
    });
    stream.end('ls -l\nexit\n');
  });
}).connect(require('./arguments.cjs'));
