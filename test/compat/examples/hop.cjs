// "Connection hopping" of ssh2's 0.8 documentation; the module, the addresses and the credentials come as arguments.
var Client = require(process.argv[2]).Client;

var conn1 = new Client();
var conn2 = new Client();

var config = require('./arguments.cjs');
// Checks uptime on 10.1.1.40 via 192.168.1.1
conn1.on('ready', function() {
  console.log('FIRST :: connection ready');
  // Alternatively, you could use netcat or socat with exec() instead of
  // forwardOut()
  conn1.forwardOut('127.0.0.1', 12345, '127.0.0.1', config.port, function(err, stream) {
    if (err) {
      console.log('FIRST :: forwardOut error: ' + err);
      return conn1.end();
    }
    conn2.connect(Object.assign({}, config, {
      sock: stream,
    }));
  });
}).connect(config);

conn2.on('ready', function() {
  console.log('SECOND :: connection ready');
  conn2.exec(process.argv[4] || 'uptime', function(err, stream) {
    if (err) {
      console.log('SECOND :: exec error: ' + err);
      return conn1.end();
    }
    stream.on('end', function() {
      conn1.end(); // close parent (and this) connection
    }).on('data', function(data) {
      console.log(data.toString());
    });
  });
});
