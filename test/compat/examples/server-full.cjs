// A server for the client examples: the documentation's events for shell, subsystem, direct and remote forwarding,
// with answers that do not depend on the machine. The module and the keys come as arguments.
var fs = require('fs');
var net = require('net');

var ssh2 = require(process.argv[2]);
var allowedPubKey = ssh2.utils.parseKey(fs.readFileSync(process.argv[4]));

new ssh2.Server({
  hostKeys: [fs.readFileSync(process.argv[3])]
}, function(client) {
  client.on('authentication', function(ctx) {
    if (ctx.method === 'password' && ctx.password === 'bar') return ctx.accept();
    if (ctx.method === 'publickey' && ctx.key.data.equals(allowedPubKey.getPublicSSH())
        && (!ctx.signature || allowedPubKey.verify(ctx.blob, ctx.signature, ctx.hashAlgo) === true))
      return ctx.accept();
    if (ctx.method === 'keyboard-interactive')
      return ctx.prompt([{ prompt: 'Word: ', echo: true }], 'Title', 'Say it', function(answers) {
        if (answers[0] === 'please') ctx.accept();
        else ctx.reject();
      });
    ctx.reject(['password', 'publickey', 'keyboard-interactive']);
  }).on('ready', function() {
    client.on('session', function(accept) {
      var session = accept();
      session.on('pty', function(accept, reject, info) {
        console.log('pty ' + info.term + ' ' + info.cols + 'x' + info.rows);
        if (accept) accept();
      }).on('env', function(accept, reject, info) {
        console.log('env ' + info.key + '=' + info.val);
        if (accept) accept();
      }).on('window-change', function(accept, reject, info) {
        console.log('window ' + info.cols + 'x' + info.rows);
        if (accept) accept();
      }).on('signal', function(accept, reject, info) {
        console.log('signal ' + info.name);
        if (accept) accept();
      }).on('shell', function(accept) {
        var stream = accept();
        var line = '';
        stream.write('welcome\r\n');
        stream.on('data', function(data) {
          line += data;
          if (line.indexOf('exit') === -1) return;
          stream.write('bye\r\n');
          stream.exit(0);
          stream.end();
        });
      }).on('exec', function(accept, reject, info) {
        console.log('exec ' + info.command);
        var stream = accept();
        if (info.command === 'cat') {
          return stream.on('end', function() {
            stream.exit(0);
            stream.end();
          }).pipe(stream, { end: false });
        }
        if (info.command === 'killed') stream.exit('KILL', true, 'no reason');
        else {
          stream.stderr.write('to stderr\n');
          stream.write('to stdout\n');
          stream.exit(info.command === 'fail' ? 3 : 0);
        }
        stream.end();
      }).on('subsystem', function(accept, reject, info) {
        console.log('subsystem ' + info.name);
        var stream = accept();
        stream.once('data', function(data) {
          stream.write('got ' + data.length + ' bytes');
          client.end();
        });
      });
    }).on('tcpip', function(accept, reject, info) {
      var stream = accept();
      var socket = net.connect(info.destPort, info.destIP);
      socket.on('error', function() { stream.end(); });
      stream.pipe(socket).pipe(stream);
    }).on('request', function(accept, reject, name, info) {
      if (name !== 'tcpip-forward') return accept && accept();
      var listener = net.createServer(function(socket) {
        listener.close();
        client.forwardOut(info.bindAddr, listener.address().port, socket.remoteAddress, socket.remotePort, function(err, stream) {
          if (err) return socket.destroy();
          stream.pipe(socket).pipe(stream);
        });
      }).listen(info.bindPort, info.bindAddr, function() {
        if (accept) accept(listener.address().port);
      });
    });
  }).on('error', function(err) {
    console.log('error ' + err.message);
  }).on('close', function() {
    console.log('closed');
  });
}).listen(0, '127.0.0.1', function() {
  console.log('Listening on port ' + this.address().port);
});
