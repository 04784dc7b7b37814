// "Forward remote X11 connections" of ssh2's 0.8 documentation; the module, the address, the credentials, the port of the
// display and the X client come as arguments.
var net = require('net');

var Client = require(process.argv[2]).Client;

var conn = new Client();

conn.on('x11', function(info, accept, reject) {
  var xserversock = new net.Socket();
  xserversock.on('connect', function() {
    var xclientsock = accept();
    xclientsock.pipe(xserversock).pipe(xclientsock);
  });
  // connects to localhost:0.0
  xserversock.connect(+process.argv[4], 'localhost');
});

conn.on('ready', function() {
  conn.exec(process.argv[5], { x11: true }, function(err, stream) {
    if (err) throw err;
    var code = 0;
    stream.on('end', function() {
      if (code !== 0)
        console.log('Do you have X11 forwarding enabled on your SSH server?');
      conn.end();
    }).on('exit', function(exitcode) {
      code = exitcode;
    });
  });
}).connect(require('./arguments.cjs'));
