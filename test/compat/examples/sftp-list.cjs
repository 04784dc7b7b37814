// "Get a directory listing via SFTP" of ssh2's 0.8 documentation; the module, the address, the credentials and the folder
// come as arguments.
var Client = require(process.argv[2]).Client;

var conn = new Client();
conn.on('ready', function() {
  console.log('Client :: ready');
  conn.sftp(function(err, sftp) {
    if (err) throw err;
    sftp.readdir(process.argv[4] || 'foo', function(err, list) {
      if (err) throw err;
      console.dir(list);
      conn.end();
    });
  });
}).connect(require('./arguments.cjs'));
