// "Forward local connections to port 8000 on the server to us" of ssh2's 0.8 documentation; the module, the address,
// the credentials and the port come as arguments.
var Client = require(process.argv[2]).Client;

var conn = new Client();
conn.on('ready', function() {
  console.log('Client :: ready');
  conn.forwardIn('127.0.0.1', +process.argv[4], function(err) {
    if (err) throw err;
    console.log('Listening for connections on server on port ' + process.argv[4] + '!');
  });
}).on('tcp connection', function(info, accept, reject) {
  console.log('TCP :: INCOMING CONNECTION:');
  console.dir(info);
  accept().on('close', function() {
    console.log('TCP :: CLOSED');
  }).on('data', function(data) {
    console.log('TCP :: DATA: ' + data);
  }).end([
    'HTTP/1.1 404 Not Found',
    'Date: Thu, 15 Nov 2012 02:07:58 GMT',
    'Server: ForwardedConnection',
    'Content-Length: 0',
    'Connection: close',
    '',
    ''
  ].join('\r\n'));
}).connect(require('./arguments.cjs'));
