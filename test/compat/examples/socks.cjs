// "Dynamic (1:1) port forwarding using a SOCKSv5 proxy" of ssh2's 0.8 documentation; the module, the address, the
// credentials and the port of the proxy come as arguments.
var socks = require('socksv5');
var Client = require(process.argv[2]).Client;

var ssh_config = require('./arguments.cjs');

socks.createServer(function(info, accept, deny) {
  // NOTE: you could just use one ssh2 client connection for all forwards, but
  // you could run into server-imposed limits if you have too many forwards open
  // at any given time
  var conn = new Client();
  conn.on('ready', function() {
    conn.forwardOut(info.srcAddr,
                    info.srcPort,
                    info.dstAddr,
                    info.dstPort,
                    function(err, stream) {
      if (err) {
        conn.end();
        return deny();
      }

      var clientSocket;
      if (clientSocket = accept(true)) {
        stream.pipe(clientSocket).pipe(stream).on('close', function() {
          conn.end();
        });
      } else
        conn.end();
    });
  }).on('error', function(err) {
    deny();
  }).connect(ssh_config);
}).listen(+process.argv[4], 'localhost', function() {
  console.log('SOCKSv5 proxy server started on port ' + process.argv[4]);
}).useAuth(socks.auth.None());

// test with cURL:
// curl -i --socks5 localhost:1080 google.com
